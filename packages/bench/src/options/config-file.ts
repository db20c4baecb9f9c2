/**
 * Owns flags from files: one that the user wrote, and the scenarios that come with the bench.
 * Must not know: what flags mean.
 * Invariant: a file is one JSON object; its keys are flags by their written names without dashes, its values texts,
 * numbers, switches, or lists of them. `about` is for people. Anything else is refused.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { EnvironmentError } from '../exit-codes.ts'
import type { FileFlags } from './read-flags.ts'

/** Beside src and dist alike. */
const SCENARIOS = fileURLToPath(new URL('../../scenarios/', import.meta.url))
const NOT_FLAGS: ReadonlySet<string> = new Set(['about', '$schema'])

/** @throws EnvironmentError for a file that cannot be read or is no such object */
export function readConfigFile(file: string): FileFlags {
  return { file, flags: flagsOf(file, readText(file)) }
}

/** @throws EnvironmentError for a scenario that does not exist, naming those that do */
export function readScenario(name: string): FileFlags {
  const names = scenarioNames()
  if (!names.includes(name)) {
    const there = names.join(', ')
    throw new EnvironmentError(
      'SCENARIO',
      `There is no scenario ${name}: expected one of ${there}, or a --config file.`,
    )
  }
  const { flags } = readConfigFile(`${SCENARIOS}${name}.json`)
  return { file: `scenario ${name}`, flags }
}

/** The scenarios that come with the bench. */
export function scenarioNames(): string[] {
  return readdirSync(SCENARIOS)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .toSorted()
}

/** What a scenario says it is for. */
export function aboutScenario(name: string): string {
  const value: unknown = JSON.parse(readText(`${SCENARIOS}${name}.json`))
  return typeof value === 'object' && value !== null && 'about' in value ? String(value.about) : ''
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new EnvironmentError('CONFIG_FILE', `The configuration ${file} cannot be read (${String(error)}).`, error)
  }
}

function flagsOf(file: string, text: string): Map<string, readonly string[]> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new EnvironmentError('CONFIG_FILE', `The configuration ${file} is no JSON (${String(error)}).`, error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const example = '{"connections": 64, "rate": "50000"}'
    throw new EnvironmentError('CONFIG_FILE', `The configuration ${file} is no object: expected such as ${example}.`)
  }
  const flags = new Map<string, readonly string[]>()
  for (const [name, one] of Object.entries(value)) if (!NOT_FLAGS.has(name)) flags.set(name, textsOf(file, name, one))
  return flags
}

function textsOf(file: string, name: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((one: unknown) => textsOf(file, name, one))
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [String(value)]
  const got = JSON.stringify(value)
  throw new EnvironmentError(
    'CONFIG_FILE',
    `${name} in ${file} is ${got}: expected a text, a number or a list of them.`,
  )
}
