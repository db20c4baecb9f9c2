/**
 * Owns the file that SHARDWIRE_ENV_FILE names: its lines as variables under those of the real environment.
 * Must not know: options, what the variables mean.
 * Invariant: a variable that the real environment sets is never changed by the file; values of the file are not shown.
 */
import { parseEnv } from 'node:util'
import { NOT_SHOWN, printable, quote, type Problem } from './problem.ts'
import { type Environment, isSet, type ReadFile } from './read-options.ts'

export const ENV_FILE_NAME = 'SHARDWIRE_ENV_FILE'

export interface EnvironmentRead {
  /** Of the file, with those of the real environment over them. */
  readonly env: Environment
  /** Names whose value is the file's. */
  readonly fromFile: ReadonlySet<string>
  readonly problems: readonly Problem[]
}

/** @param read without it a file that is named cannot be read */
export function readEnvironment(env: Environment, read?: ReadFile): EnvironmentRead {
  const path = env[ENV_FILE_NAME]?.trim()
  if (!isSet(path)) return { env, fromFile: new Set(), problems: [] }
  const text = textOf(path, read)
  if (typeof text !== 'string') return { env, fromFile: new Set(), problems: [text] }
  // No process can be started with one in its environment: a machine that lost power leaves such files.
  const damagedAt = text.indexOf('\0')
  if (damagedAt >= 0) {
    const line = text.slice(0, damagedAt).split('\n').length
    return { env, fromFile: new Set(), problems: [fileProblem(path, `has a null byte in line ${line}: it is damaged`)] }
  }
  const file = parseEnv(text)
  const names = Object.keys(file).filter((name) => !isSet(env[name]))
  const merged = { ...env, ...Object.fromEntries(names.map((name) => [name, file[name]])) }
  const problems = [...lostLines(text, path, file), ...(ENV_FILE_NAME in file ? [nestedProblem(path)] : [])]
  return { env: merged, fromFile: new Set(names), problems }
}

function textOf(path: string, read: ReadFile | undefined): string | Problem {
  try {
    return read?.(path) ?? fileProblem(path, 'cannot be read here')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return fileProblem(path, `cannot be read${code}`)
  }
}

/**
 * Lines that were surely meant to set something and do not: the parser passes over them in silence. A line inside of a
 * quoted value of several may look like one, but begins with our prefix only if somebody forgot a quote.
 */
function lostLines(text: string, path: string, file: Readonly<Record<string, string | undefined>>): Problem[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const name = /^\s*(?:export\s+)?(SHARDWIRE_\w*)/.exec(line)?.[1]
    if (name === undefined || name in file) return []
    const where = `line ${index + 1} of ${quote(path)}`
    const message = printable(`${ENV_FILE_NAME}: ${where} begins with ${name} and sets nothing`)
    return [{ name, value: NOT_SHOWN, expected: 'NAME=VALUE', example: `${name}=value`, message }]
  })
}

function nestedProblem(path: string): Problem {
  return fileProblem(path, `sets ${ENV_FILE_NAME} itself: only the real environment can`)
}

function fileProblem(path: string, complaint: string): Problem {
  const value = quote(path)
  return {
    name: ENV_FILE_NAME,
    value,
    expected: 'the path of a file of NAME=VALUE lines that this user may read',
    example: `${ENV_FILE_NAME}=/etc/shardwire.env`,
    message: printable(`${ENV_FILE_NAME} is ${value}, which ${complaint}`),
  }
}
