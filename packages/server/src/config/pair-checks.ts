/**
 * Owns the rules between two options, or between an option and the machine, that no value breaks by itself.
 * Must not know: how values are parsed.
 * Invariant: a rule is only held against what somebody set; defaults alone never stop a start.
 */
import { FRAME_OVERHEAD_BYTES } from '@shardwire/protocol'
import { DESCRIPTORS_SPARE } from '../descriptors.ts'
import { frameBufferBytes, HEAP_MB_MIN } from './computed-defaults.ts'
import type { Config, Listener, Sources } from './config.ts'
import { type ListenerOptions, OWN_PARAMETERS } from './listen-parameters.ts'
import type { Machine } from './machine.ts'
import type { Source } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Problem } from './problem.ts'

const MIB = 1024 * 1024

type NumberKey = { [Key in keyof Config]: Config[Key] extends number ? Key : never }[keyof Config]
type Subject = NumberKey | keyof Machine

interface PairCheck {
  /** The option to change when the rule is broken. */
  readonly change: NumberKey
  readonly against: Subject
  /** A fact of the machine that the rule asks besides. */
  readonly fact?: keyof Machine
  /** What `change` must be, as words that go on from its name. */
  readonly rule: string
  readonly why: string
  broken(change: number, against: number, machine: Machine): boolean
  /** A value for `change` that breaks this rule no longer. */
  mended(against: number, machine: Machine): number
}

export const PAIR_CHECKS: readonly PairCheck[] = [
  {
    change: 'heartbeatMs',
    against: 'idleTimeoutMs',
    rule: '0 (off), or at most SHARDWIRE_IDLE_TIMEOUT_MS while that is on',
    why: 'a silent connection would be closed before it is ever asked',
    broken: (heartbeatMs, idleTimeoutMs) => idleTimeoutMs > 0 && heartbeatMs > idleTimeoutMs,
    // A third leaves time for a second PING; no heartbeat may be shorter than 10.
    mended: (idleTimeoutMs) => Math.max(10, Math.floor(idleTimeoutMs / 3)),
  },
  {
    change: 'heartbeatMisses',
    against: 'heartbeatMs',
    rule: 'at least 1 while SHARDWIRE_HEARTBEAT_MS is on',
    why: 'the first PING would close the connection without waiting for its answer',
    broken: (misses, heartbeatMs) => misses === 0 && heartbeatMs > 0,
    mended: () => 3,
  },
  {
    change: 'writeBufferBytes',
    against: 'maxFrameBytes',
    rule: 'at least SHARDWIRE_MAX_FRAME_BYTES',
    why: 'a single answer could make its connection a slow consumer',
    broken: (writeBufferBytes, maxFrameBytes) => writeBufferBytes < maxFrameBytes,
    mended: (maxFrameBytes) => maxFrameBytes,
  },
  {
    change: 'maxBufferBytes',
    against: 'maxFrameBytes',
    rule: `at least SHARDWIRE_MAX_FRAME_BYTES and ${FRAME_OVERHEAD_BYTES} more, rounded up to a power of two`,
    why: 'the largest frame could never be received',
    broken: (maxBufferBytes, maxFrameBytes) => maxBufferBytes < frameBufferBytes(maxFrameBytes),
    mended: (maxFrameBytes) => frameBufferBytes(maxFrameBytes),
  },
  {
    change: 'maxBufferBytes',
    against: 'writeBufferBytes',
    rule: 'at least SHARDWIRE_WRITE_BUFFER_BYTES',
    why: 'one slow reader could fill the whole budget before it is paused',
    broken: (maxBufferBytes, writeBufferBytes) => maxBufferBytes < writeBufferBytes,
    mended: (writeBufferBytes) => writeBufferBytes,
  },
  {
    change: 'maxBufferBytes',
    against: 'workers',
    fact: 'memoryBytes',
    rule: 'at most the memory limit divided by SHARDWIRE_WORKERS',
    why: 'the workers together could use more than all of it',
    broken: (maxBufferBytes, workers, { memoryBytes }) => maxBufferBytes * workers > memoryBytes,
    mended: (workers, { memoryBytes }) => Math.floor(memoryBytes / 4 / workers),
  },
  {
    change: 'heapMb',
    against: 'workers',
    fact: 'memoryBytes',
    rule: 'at most the memory limit divided by SHARDWIRE_WORKERS',
    why: 'the workers together could use more than all of it, and the system would kill one of them',
    broken: (heapMb, workers, { memoryBytes }) => heapMb * MIB * workers > memoryBytes,
    mended: (workers, { memoryBytes }) => Math.max(HEAP_MB_MIN, Math.floor(memoryBytes / 2 / workers / MIB)),
  },
  {
    change: 'handoffQueue',
    against: 'descriptorLimit',
    rule: `at most the limit of open files less ${DESCRIPTORS_SPARE}`,
    why: 'sockets beyond that could not be accepted, since each is an open file',
    broken: (handoffQueue, descriptorLimit) => handoffQueue > descriptorLimit - DESCRIPTORS_SPARE,
    mended: (descriptorLimit) => Math.max(1, descriptorLimit - DESCRIPTORS_SPARE),
  },
  {
    change: 'workers',
    against: 'descriptorLimit',
    rule: `at most the limit of open files less ${DESCRIPTORS_SPARE}`,
    why: 'the primary, which has one open for each worker, could accept no connection',
    broken: (workers, descriptorLimit) => workers > descriptorLimit - DESCRIPTORS_SPARE,
    mended: (descriptorLimit) => Math.max(1, descriptorLimit - DESCRIPTORS_SPARE),
  },
]

const MACHINE_NAMES: { readonly [Key in keyof Machine]: string } = {
  cores: 'the number of cores',
  memoryBytes: 'the memory limit',
  descriptorLimit: 'the limit of open files',
}

/**
 * One problem for every rule that is broken, with both names and values.
 * @param bad options whose own value was bad: what stands in their place is not held against anybody
 */
export function checkPairs(config: Config, sources: Sources, machine: Machine, bad: ReadonlySet<string>): Problem[] {
  const problems = new Map<string, Problem>()
  for (const listener of config.listen) {
    const lookUp = (subject: Subject): Setting => settingOf(subject, { config, sources, machine, listener })
    for (const check of PAIR_CHECKS) {
      const [change, against] = [lookUp(check.change), lookUp(check.against)]
      if (bad.has(change.name) || bad.has(against.name) || !(change.isSet || against.isSet)) continue
      if (!check.broken(change.value, against.value, machine)) continue
      const facts = check.fact === undefined ? [against] : [against, lookUp(check.fact)]
      const problem = pairProblem(check, check.mended(against.value, machine), change, facts)
      // Listeners without limits of their own break a rule in the same words.
      problems.set(problem.message, problem)
    }
  }
  return [...problems.values()]
}

interface Scene {
  readonly config: Config
  readonly sources: Sources
  readonly machine: Machine
  readonly listener: Listener
}

interface Setting {
  /** The variable it stands in, or the machine's fact. */
  readonly name: string
  /** With the address, when it is a parameter of one. */
  readonly label: string
  /** What stands before the value where it is set. */
  readonly text: string
  readonly value: number
  readonly isSet: boolean
}

function settingOf(subject: Subject, { config, sources, machine, listener }: Scene): Setting {
  if (isFact(subject)) {
    const name = MACHINE_NAMES[subject]
    return { name, label: name, text: '', value: machine[subject], isSet: false }
  }
  if (isOwn(subject) && listener[subject] !== config[subject]) {
    const { name } = OPTIONS.listen
    const label = `${OWN_PARAMETERS[subject]} of ${listener.address}`
    const text = `${name}=${listener.address}?${OWN_PARAMETERS[subject]}=`
    return { name, label, text, value: listener[subject], isSet: true }
  }
  const { name } = OPTIONS[subject]
  return { name, label: name, text: `${name}=`, value: config[subject], isSet: isSetBy(sources[subject]) }
}

function isSetBy(source: Source): boolean {
  return source !== 'default' && source !== 'computed'
}

function isFact(subject: Subject): subject is keyof Machine {
  return subject in MACHINE_NAMES
}

function isOwn(subject: Subject): subject is keyof ListenerOptions & NumberKey {
  return subject in OWN_PARAMETERS
}

function pairProblem(check: PairCheck, mended: number, change: Setting, others: readonly Setting[]): Problem {
  const states = [change, ...others].map((setting) => `${setting.label} is ${setting.value}${fromDefault(setting)}`)
  return {
    name: change.name,
    value: String(change.value),
    expected: `${change.label} to be ${check.rule}`,
    example: `${change.text}${mended}`,
    message: `${states.join(' and ')}: ${check.why}`,
  }
}

function fromDefault({ name, isSet }: Setting): string {
  return isSet || !name.startsWith('SHARDWIRE_') ? '' : ' (by default)'
}
