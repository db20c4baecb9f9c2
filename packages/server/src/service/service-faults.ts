/**
 * Owns what can be wrong with the definition of a service, and how it is said.
 * Must not know: how a service is run.
 * Invariant: every fault is found at once, each with the place in the module where its route was defined. Definitions
 * come from JavaScript too: nothing is taken for what its type says.
 */
import { ROUTE_MAX } from '@shardwire/protocol'
import { closestName } from '../config/closest-name.ts'
import { isTask } from '../offload/task.ts'
import { isSchema } from './body.ts'
import { HOOK_NAMES } from './hooks.ts'
import { type Place, placeText } from './place.ts'

type Loose = Readonly<Record<string, unknown>>

const DEFINITION_KEYS = ['name', 'routes', 'middleware', ...HOOK_NAMES]
const OPTION_KEYS = ['body', 'answer', 'timeoutMs', 'maxConcurrent', 'middleware', 'offload']
const BODY_KINDS = ['msgpack', 'bytes', 'none']
const ANSWER_KINDS = ['msgpack', 'bytes']

/** What is wrong with a definition; none for one that may be used. */
export function definitionFaults(definition: unknown): string[] {
  if (!isLoose(definition)) return [`defineService was given ${kindOf(definition)}; expected { name, routes }`]
  const { name, routes, middleware } = definition
  const faults = unknownKeys(definition, DEFINITION_KEYS, 'there is no')
  if (typeof name !== 'string' || name === '') faults.push(`its name is ${shown(name)}; expected a text`)
  faults.push(...middlewareFaults(middleware).map((fault) => `the service has ${fault}`))
  faults.push(...hookFaults(definition))
  if (!isLoose(routes))
    return [...faults, `its routes are ${kindOf(routes)}; expected { name: route(number, handler) }`]
  const defined = Object.entries(routes)
  return [...faults, ...defined.flatMap(([key, value]) => routeFaults(key, value)), ...doubledNumbers(defined)]
}

function hookFaults(definition: Loose): string[] {
  const wrong = HOOK_NAMES.filter((hook) => definition[hook] !== undefined && typeof definition[hook] !== 'function')
  return wrong.map((hook) => `${hook} is ${kindOf(definition[hook])}; expected a function`)
}

function routeFaults(name: string, defined: unknown): string[] {
  if (!isLoose(defined) || !isLoose(defined['place'])) {
    return [`route ${name} is ${kindOf(defined)}; expected what route(number, options, handler) returns`]
  }
  const { number, options, handler } = defined
  const at = whereOf(defined)
  const faults = isLoose(options) ? optionFaults(options) : [`options that are ${kindOf(options)}`]
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > ROUTE_MAX) {
    faults.push(`number ${shown(number)}; expected an integer from 1 to ${ROUTE_MAX}`)
  }
  const isOffloaded = isLoose(options) && options['offload'] !== undefined
  if (isOffloaded && handler !== undefined) faults.push('both a handler and offload; expected one of them')
  if (!isOffloaded && typeof handler !== 'function') {
    faults.push(`a handler that is ${kindOf(handler)}; expected a function`)
  }
  return faults.map((fault) => `route ${name} has ${fault}${at}`)
}

function optionFaults(options: Loose): string[] {
  const { body, answer, timeoutMs, maxConcurrent, middleware, offload } = options
  const faults = unknownKeys(options, OPTION_KEYS, 'an option')
  if (body !== undefined && !isKind(body, BODY_KINDS)) {
    faults.push(`body ${shown(body)}; expected ${BODY_KINDS.join(', ')} or a schema`)
  }
  if (answer !== undefined && !isKind(answer, ANSWER_KINDS)) {
    faults.push(`answer ${shown(answer)}; expected ${ANSWER_KINDS.join(', ')} or a schema`)
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    faults.push(`timeoutMs ${shown(timeoutMs)}; expected milliseconds above 0`)
  }
  if (maxConcurrent !== undefined && !(Number.isInteger(maxConcurrent) && Number(maxConcurrent) > 0)) {
    faults.push(`maxConcurrent ${shown(maxConcurrent)}; expected a whole number above 0`)
  }
  if (offload !== undefined && !isTask(offload)) {
    faults.push(`offload ${shown(offload)}; expected what defineTask(import.meta, …) returns`)
  }
  return [...faults, ...middlewareFaults(middleware)]
}

function middlewareFaults(middleware: unknown): string[] {
  if (middleware === undefined) return []
  if (!Array.isArray(middleware)) return [`middleware that is ${kindOf(middleware)}; expected a list of functions`]
  return middleware.flatMap((one: unknown, index) =>
    typeof one === 'function' ? [] : [`middleware whose entry ${index} is ${kindOf(one)}; expected a function`],
  )
}

function doubledNumbers(defined: readonly (readonly [string, unknown])[]): string[] {
  const first = new Map<unknown, readonly [string, unknown]>()
  return defined.flatMap(([name, value]) => {
    const number = isLoose(value) ? value['number'] : undefined
    const other = first.get(number)
    if (number !== undefined && other === undefined) first.set(number, [name, value])
    if (other === undefined) return []
    const [otherName, otherValue] = other
    return [`routes ${otherName}${whereOf(otherValue)} and ${name}${whereOf(value)} both have number ${shown(number)}`]
  })
}

function unknownKeys(object: Loose, known: readonly string[], what: string): string[] {
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const closest = closestName(key, known)
      return `${what} ${key}; ${closest === undefined ? `there are ${known.join(', ')}` : `did you mean ${closest}?`}`
    })
}

function whereOf(defined: unknown): string {
  const place = isLoose(defined) ? defined['place'] : undefined
  const text = isLoose(place) ? placeText(place as Place) : undefined
  return text === undefined ? '' : ` (${text})`
}

function isKind(option: unknown, kinds: readonly string[]): boolean {
  return isSchema(option) || (typeof option === 'string' && kinds.includes(option))
}

function isLoose(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' || value === undefined || value === null ? String(value) : kindOf(value)
}
