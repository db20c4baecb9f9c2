/**
 * Owns which codec each listener speaks, and whether its service has the route that it needs.
 * Must not know: connections, how codecs are driven.
 * Invariant: what is wrong is found before the first connection, and named with its address.
 */
import { delimiterBytes, isCodecModule } from '../config/codec-parameters.ts'
import type { Listener } from '../config/config.ts'
import type { RunnableRoute, RunnableService } from '../service/compile.ts'
import type { CodecDefinition } from './codec.ts'
import { createJsonCodec } from './json/json-codec.ts'
import { createLineCodec } from './line-codec.ts'
import { loadCodec } from './load-codec.ts'
import { createRawCodec } from './raw-codec.ts'
import { speak, type SpokenCodec } from './spoken-codec.ts'

/** Codecs of users, by the path that the address names. */
export type CodecModules = ReadonlyMap<string, CodecDefinition>

/** Whose body has no end that a peer could see, or an end that bytes may have in them. */
const NEEDS_BYTES = ['line', 'raw']
const ROUTE_DEFAULT = 'echo'
const LINE_FEED = '%0A'

/** Loads every module that a listener speaks by. @throws Error that names the one that cannot be used */
export async function loadCodecModules(listeners: readonly Listener[]): Promise<CodecModules> {
  const paths = new Set(listeners.map(({ codec }) => codec).filter(isCodecModule))
  const modules = new Map<string, CodecDefinition>()
  for (const path of paths) modules.set(path, await loadCodec(path))
  return modules
}

/**
 * What each listener speaks, in their order; null for frames.
 * @param wallMs the time of the day, in milliseconds since 1970
 * @throws Error that names the address, and what is wrong with its codec or its route
 */
export function listenerCodecs(
  listeners: readonly Listener[],
  service: RunnableService,
  wallMs: () => number,
  modules: CodecModules = new Map(),
): readonly (SpokenCodec | null)[] {
  return listeners.map((listener) => {
    const definition = definitionOf(listener, wallMs, modules)
    if (definition === undefined) return null
    const { codec, maxFrameBytes: messageBytesMax, codecParameters: parameters = {} } = listener
    const route = listener.route ?? (NEEDS_BYTES.includes(codec) ? ROUTE_DEFAULT : undefined)
    if (route !== undefined) assertRoute(listener, route, service)
    try {
      return speak(definition, { messageBytesMax, parameters }, route)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${listener.address}?codec=${codec} cannot be served: ${why}`, { cause })
    }
  })
}

function definitionOf(
  { codec, delimiter = LINE_FEED }: Listener,
  wallMs: () => number,
  modules: CodecModules,
): CodecDefinition | undefined {
  switch (codec) {
    case 'frame':
      return undefined
    case 'json':
      return { name: codec, create: (options) => createJsonCodec(options, wallMs) }
    case 'line':
      return { name: codec, create: (options) => createLineCodec(options, delimiterBytes(delimiter)) }
    case 'raw':
      return { name: codec, create: createRawCodec }
    default:
      return modules.get(codec) ?? missingModule(codec)
  }
}

function missingModule(codec: string): never {
  throw new Error(`the module ${codec} was not loaded`)
}

function assertRoute({ address, codec }: Listener, wanted: string, { name, routes }: RunnableService): void {
  const place = `${address}?codec=${codec}`
  const route = routes.find((one) => one.name === wanted || String(one.number) === wanted)
  if (route === undefined) {
    const known = routes.map((one) => one.name).join(', ')
    throw new Error(`${place} needs a route ${wanted}, which the service ${name} does not have: add &route= (${known})`)
  }
  if (!NEEDS_BYTES.includes(codec) || takesBytes(route)) return
  throw new Error(
    `${place} gives bytes to route ${wanted}, whose body is ${route.body} and answer ${route.answer}: ` +
      `name a route with body: 'bytes' (or 'none') and answer: 'bytes'`,
  )
}

function takesBytes({ body, answer }: RunnableRoute): boolean {
  return body !== 'msgpack' && answer === 'bytes'
}
