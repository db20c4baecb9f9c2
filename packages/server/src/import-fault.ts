/**
 * Owns saying why a module of the user cannot be loaded, or started, and what to do.
 * Must not know: what the module is for.
 */

/** What Node says of `import` and `export` in what it takes for a CommonJS script. */
const NO_MODULE = /import statement outside a module|Unexpected token 'export'/
const AS_MODULE =
  '\nIts package.json says that it is a script: put "type": "module" there (`npm init` writes "commonjs"), or name ' +
  'the file .mts or .mjs.'
/** `file:///path:line`, or the path as it is, on a line of its own. */
const HAS_PLACE = /^\S+:\d+$/m
const PLACELESS = '\nIt is in that file or in one that it imports: `node --check FILE` shows the line.'
const FRAME = /file:\/\/[^\s()]+:\d+:\d+/
/** Ours: what is thrown here is about a line of somebody else. */
const OWN = new URL('.', import.meta.url).href

/** Why a module could not be imported: what was thrown, and where. */
export function importFault(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (cause instanceof SyntaxError) return syntaxFault(cause)
  const lines = (cause.stack ?? '').split('\n').filter((line) => FRAME.test(line) && !line.includes(OWN))
  // What a package throws is about the line that asked it.
  const at = lines.find((line) => !line.includes('/node_modules/')) ?? lines[0]
  const place = at === undefined ? undefined : FRAME.exec(at)?.[0]
  return place === undefined ? cause.message : `${cause.message} (${place})`
}

/** The stack of a syntax error begins with its place, but for one in JavaScript; its message alone does not tell it. */
function syntaxFault({ stack, message }: SyntaxError): string {
  const place = `\n${(stack ?? message).split('\n    at ')[0]}`
  if (NO_MODULE.test(message)) return place + AS_MODULE
  return HAS_PLACE.test(place) ? place : place + PLACELESS
}
