/**
 * Owns the argument by which `shardwire dev` tells its daemon which variables are not the user's.
 * Must not know: which those are, what is done about it.
 */
const FLAG = '--set-by-dev='

export function devArgument(names: readonly string[]): string {
  return FLAG + names.join(',')
}

/** @returns undefined for other arguments */
export function setByDev(args: readonly string[]): ReadonlySet<string> | undefined {
  const [argument] = args
  if (args.length !== 1 || argument?.startsWith(FLAG) !== true) return undefined
  return new Set(argument.slice(FLAG.length).split(','))
}
