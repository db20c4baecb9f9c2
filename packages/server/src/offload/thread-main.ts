/**
 * Owns a thread of the pool: it loads the module of a task, runs the task, and sends back what came of it.
 * Must not know: connections, frames, how many threads there are.
 * Invariant: whatever a task returns or throws becomes an outcome; only what ends the thread itself does not. Bytes
 * are sent back as a copy that nothing else in this thread can see: a task may keep what it returned, and a small
 * Buffer shares its memory with others.
 */
import { setPriority } from 'node:os'
import { ShardwireError } from '@shardwire/protocol'
import { move } from 'piscina'
import { systemClock } from '../clock.ts'
import type { Assignment, NOTHING_YET, Outcome } from './messages.ts'
import { RunningTask } from './running-task.ts'
import type { TaskFunction } from './task.ts'

/** Lowest: whatever else wants a core gets it at once, the loops that serve connections first of all. */
const NICE = 19

// On Linux this is the priority of the calling thread; elsewhere it would be that of the whole process.
if (process.platform === 'linux') setPriority(0, NICE)

/** Runs one assignment. @returns an Outcome, as piscina wants what is transferred */
export async function run(assignment: Assignment | typeof NOTHING_YET): Promise<unknown> {
  if (assignment === null) return undefined
  const running = new RunningTask(assignment, systemClock)
  const outcome = await outcomeOf(assignment, running)
  running.end()
  if (outcome.type !== 'bytes') return outcome
  const { buffer } = outcome.value
  return move({ [TRANSFERABLE]: buffer, [VALUE]: outcome } as unknown as Movable)
}

/** What piscina looks for in what is returned. */
const TRANSFERABLE: unique symbol = Symbol.for('Piscina.transferable')
const VALUE: unique symbol = Symbol.for('Piscina.valueOf')
type Movable = Parameters<typeof move>[0]

async function outcomeOf(assignment: Assignment, running: RunningTask): Promise<Outcome> {
  try {
    const task = await load(assignment)
    const returned = await task(assignment.body, running)
    const isBytes = assignment.answer === 'either' ? returned instanceof Uint8Array : assignment.answer === 'bytes'
    return isBytes ? bytesOutcome(returned) : valueOutcome(returned)
  } catch (error) {
    return describe(error)
  }
}

async function load({ module, name }: Assignment): Promise<TaskFunction<unknown, unknown>> {
  const exported: unknown = Reflect.get((await import(module)) as object, name)
  if (typeof exported !== 'function') throw new TypeError(`${module} exports no function ${name}`)
  return exported as TaskFunction<unknown, unknown>
}

function bytesOutcome(returned: unknown): Outcome {
  if (returned === undefined) return { type: 'value', value: undefined }
  if (!(returned instanceof Uint8Array)) {
    throw new TypeError(`a task of a route that answers bytes returned ${returned === null ? 'null' : typeof returned}`)
  }
  return { type: 'bytes', value: new Uint8Array(returned) }
}

/** What cannot be sent would end the thread where it is sent: it is tried here. */
function valueOutcome(value: unknown): Outcome {
  return { type: 'value', value: structuredClone(value) }
}

function describe(error: unknown): Outcome {
  if (error instanceof ShardwireError) {
    const { code, message, retryAfterMs } = error
    return { type: 'refused', code, message, retryAfterMs, details: clonable(error.details) }
  }
  if (!(error instanceof Error)) return { type: 'failed', name: 'Error', message: text(error), stack: undefined }
  const { name, message, stack } = error
  return { type: 'failed', name: text(name), message: text(message), stack: stack === undefined ? stack : text(stack) }
}

function clonable(details: unknown): unknown {
  try {
    return structuredClone(details)
  } catch {
    // Details are for programs and optional: what cannot be sent is left out, as what is too long is.
    return undefined
  }
}

/** Whatever it is: an object without a prototype has no text. */
function text(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}
