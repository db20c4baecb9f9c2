/**
 * Owns the question whether this Node can run a program of ours.
 * Must not know: anything else, and so imports nothing: it must load where the rest of its package does not.
 * Invariant: NODE_MAJOR_MIN is what package.json says under `engines`.
 */

export const NODE_MAJOR_MIN = 26

/**
 * Why the Node of that version cannot run the program, or undefined when it can.
 * @param version as `process.versions.node` has it, for example 26.10.0
 */
export function nodeProblem(program: string, version: string): string | undefined {
  if (Number.parseInt(version, 10) >= NODE_MAJOR_MIN) return undefined
  return `${program} needs Node ${NODE_MAJOR_MIN} or newer, this is v${version}`
}
