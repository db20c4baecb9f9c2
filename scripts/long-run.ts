/**
 * Owns what the long runs of tests have in common: their two arguments, their end, their lines.
 * Must not know: what runs.
 * Invariant: a mistyped argument ends with exit code 2 and says what was expected.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

const MINUTES_DEFAULT = 5
const SEED_MAX = 0xffff_ffff

export interface LongRun {
  readonly seed: number
  /** Whether there is time left. */
  goesOn(): boolean
}

/** Reads `--minutes N --seed S`, prints both, and starts the clock. */
export function readLongRun(name: string, argv: readonly string[]): LongRun {
  const { minutes, seed } = readOptions(name, argv)
  const endMs = performance.now() + minutes * 60_000
  say(`${name}: again with: npm run ${name} -- --minutes ${minutes} --seed ${seed}`)
  return { seed, goesOn: () => performance.now() < endMs }
}

export function say(text: string): void {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
}

function readOptions(name: string, argv: readonly string[]): { readonly minutes: number; readonly seed: number } {
  try {
    const options = { minutes: { type: 'string' }, seed: { type: 'string' } } as const
    const { values } = parseArgs({ args: [...argv], options })
    const minutes = Number(values.minutes ?? MINUTES_DEFAULT)
    const seed = Number(values.seed ?? randomInt(SEED_MAX))
    if (!(minutes > 0)) throw new TypeError(`--minutes ${values.minutes}: expected a number above 0`)
    if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
      throw new TypeError(`--seed ${values.seed}: expected an integer from 0 to ${SEED_MAX}`)
    }
    return { minutes, seed }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    process.stderr.write(`${name}: ${error.message}\nusage: npm run ${name} -- [--minutes N] [--seed S]\n`)
    process.exit(2)
  }
}
