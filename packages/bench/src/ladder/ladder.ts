/**
 * Owns the climb: connections up in steps, at each of them every connection asked for one echo, a probe, and the
 * ledger; the top held; all closed, and the memory looked at again.
 * Must not know: flags, how a report looks.
 * Invariant: when `climb` settles no process is left. It goes as far as the machine lets it: what ended it is told with
 * the number reached.
 */
import type { Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import { EnvironmentError } from '../exit-codes.ts'
import { askedPart, ownSource, partOf, shareAddresses } from '../fleet/address-plan.ts'
import type { AddressLimits } from '../fleet/address-plan.ts'
import { Holders } from '../fleet/holders.ts'
import type { Resized } from '../fleet/holders.ts'
import type { HoldPlan } from '../hold/hold-messages.ts'
import { readProc } from '../observe/proc-files.ts'
import { ledgerEntry } from '../observe/ledger.ts'
import type { LedgerEntry } from '../observe/ledger.ts'
import { serverProcesses, withDescendants } from '../observe/server-processes.ts'
import { WatchedGroup } from '../observe/watched-group.ts'
import { listenOverflows } from '../preflight/system-facts.ts'
import { grouped } from '../report/numbers.ts'
import type { RunOutcome } from '../report/run-report.ts'
import type { Status } from '../report/status.ts'
import { diagnose } from '../run/diagnosis.ts'
import { HOLD_PROBE_REMEDIES, LADDER_REMEDIES, PROBE_REMEDIES } from '../run/remedies.ts'
import type { Remedies } from '../run/remedies.ts'
import type { LadderOptions } from './ladder-options.ts'
import type { HoldOutcome, LadderBound, LadderOutcome, StepOutcome } from './ladder-outcome.ts'
import type { LadderSetting } from './ladder-setting.ts'
import { memoryBound } from './memory-guard.ts'
import { untilGone } from './sockets-gone.ts'
import { probeOptions, runProbe } from './probe.ts'

export interface LadderParts {
  readonly clock: Clock
  readonly status: Status
  readonly signal: AbortSignal
  readonly limits: AddressLimits
  readonly hosts: readonly string[]
}

const SHOW_MS = 500
/** Who has just begun gives back what beginning took: the first look would be too high. */
const BEFORE_SETTLES = 3
/** After closing, servers give memory back when it has been quiet for a while. */
const AFTER_SETTLES = 3

export class Ladder {
  readonly #options: LadderOptions
  readonly #parts: LadderParts
  readonly #plans: readonly HoldPlan[]
  readonly #setting: LadderSetting
  readonly #server: WatchedGroup
  readonly #generator: WatchedGroup
  readonly #steps: StepOutcome[] = []
  readonly #breaks: string[] = []
  #bound: LadderBound | null = null

  constructor(options: LadderOptions, parts: LadderParts) {
    const { clock, hosts } = parts
    const { port } = options.target
    this.#options = options
    this.#parts = parts
    this.#plans = holdPlans(options, parts)
    const serverPids = serverProcesses(hosts, port)
    const holders = new Holders(this.#plans, { clock })
    const hasOwn = this.#plans.some(({ route }) => route.localAddress !== null)
    const probeSource = hasOwn ? ownSource(this.#plans.length) : null
    this.#setting = { clock, hosts, port, serverPids, holders, probeSource }
    this.#server = new WatchedGroup(serverPids, nowUs(clock))
    this.#generator = new WatchedGroup(holders.pids, nowUs(clock))
  }

  async climb(): Promise<LadderOutcome> {
    const { clock, status, signal } = this.#parts
    const startedAtMs = clock.wallMs()
    const { holders } = this.#setting
    let [hold, closeMs, after]: [HoldOutcome | null, number | null, LedgerEntry | null] = [null, null, null]
    status.say(describeHolders(this.#plans))
    try {
      status.now('waiting until both sides are at rest')
      await this.#rest(BEFORE_SETTLES)
      const before = await this.#account(0)
      try {
        for (const step of this.#options.steps) {
          if (signal.aborted || this.#bound !== null || this.#isTooMuch(step, before)) break
          await this.#step(step)
        }
        if (!signal.aborted && this.#steps.length > 0) hold = await this.#hold()
        closeMs = await this.#close(before)
        if (!signal.aborted) after = await this.#account(0)
      } catch (error) {
        if (error instanceof EnvironmentError && this.#steps.length === 0) throw error
        // A holder that died, or hangs: what was seen until then is worth telling.
        this.#breaks.push(error instanceof Error ? error.message : String(error))
      }
      if (signal.aborted) this.#breaks.push('The ladder was cut short.')
      const ends = { bound: this.#bound, hold, closeMs, after, state: holders.state(), breaks: this.#breaks }
      return { startedAtMs, holders: this.#plans, before, steps: this.#steps, ...ends }
    } finally {
      status.end()
      await holders.end()
    }
  }

  /** Whether memory would not do; it is told then. */
  #isTooMuch(connections: number, before: LedgerEntry): boolean {
    const last = this.#steps.at(-1)?.ledger ?? before
    const sentence = memoryBound(connections, before, last)
    if (sentence === null) return false
    this.#bound = { connections: last.connections, code: 'MEMORY', sentence }
    this.#parts.status.say(`No more than ${grouped(last.connections)}: ${sentence}`)
    return true
  }

  async #step(connections: number): Promise<void> {
    const { status } = this.#parts
    const { holders } = this.#setting
    const overflowsBefore = listenOverflows(readProc('/proc/net/netstat'))
    const opened = await this.#resize(connections, `opening ${grouped(connections)}`)
    if (opened.failure !== null) this.#stopAt(opened)
    const overflows = differenceOf(overflowsBefore, listenOverflows(readProc('/proc/net/netstat')))
    await this.#rest(1)
    const up = holders.state().up
    status.now(`asking each of ${grouped(up)} connections for one echo`)
    const sweep = await holders.sweep()
    status.now(`probing beside ${grouped(up)} connections`)
    const probe = await this.#probe(this.#options.probe.durationMs, PROBE_REMEDIES)
    const ledger = await this.#account(up)
    const state = await holders.refresh()
    this.#steps.push({ connections: up, opened, overflows, sweep, probe, ledger, state })
    const rate = opened.lengthMs === 0 ? 0 : Math.round((opened.connects.samples * 1000) / opened.lengthMs)
    const p99 = probe.totals.latency.response.percentileUs(99)
    const counts = `${grouped(sweep.alive)} of ${grouped(sweep.asked)} alive, ${grouped(state.lost)} lost`
    status.say(
      `${grouped(up).padStart(11)} connections  opened at ${grouped(rate)}/s  ${counts}  probe p99 ${grouped(p99)} us`,
    )
  }

  /** Shows how many there are while holders come to a number. */
  async #resize(connections: number, what: string): Promise<Resized> {
    const { clock, status } = this.#parts
    const { holders } = this.#setting
    const cancel = clock.every(SHOW_MS, () => {
      const { up, lost } = holders.state()
      status.now(`${what}: ${grouped(up)} up${lost > 0 ? `, ${grouped(lost)} lost` : ''}`)
    })
    try {
      return await this.#orCutShort(holders.resize(connections, this.#options.connectsPerSecond), connections)
    } finally {
      cancel()
    }
  }

  /** What is under way, or a failure of our own when the ladder is cut short meanwhile. */
  async #orCutShort(work: Promise<Resized>, connections: number): Promise<Resized> {
    const { signal } = this.#parts
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.resolve()
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    const first = await Promise.race([work, aborted.promise])
    signal.removeEventListener('abort', onAbort)
    if (first !== undefined) return first
    throw new Error(`On the way to ${connections} connections there were ${this.#setting.holders.state().up}.`)
  }

  #stopAt({ failure }: Resized): void {
    if (failure === null) return
    const { up } = this.#setting.holders.state()
    const error = diagnose(this.#options.target, { ...failure, connected: up }, LADDER_REMEDIES)
    if (up === 0) throw error
    const { code, message } = error
    this.#bound = { connections: up, code, sentence: message }
    this.#parts.status.say(`No more than ${grouped(up)}: ${message}`)
  }

  async #probe(durationMs: number, remedies: Remedies): Promise<RunOutcome> {
    const options = probeOptions(this.#options, durationMs)
    return await runProbe(options, this.#setting, { signal: this.#parts.signal, remedies })
  }

  async #hold(): Promise<HoldOutcome | null> {
    const { holdMs } = this.#options
    if (holdMs === 0) return null
    const { clock, status } = this.#parts
    const { holders } = this.#setting
    const before = await holders.refresh()
    const startMs = clock.nowMs()
    const cancel = clock.every(SHOW_MS, () => {
      const { up, lost, pings } = holders.state()
      const left = Math.max(0, Math.ceil((holdMs - (clock.nowMs() - startMs)) / 1000))
      const said = `${grouped(pings - before.pings)} PINGs answered, ${grouped(lost - before.lost)} lost`
      status.now(`holding ${grouped(up)} connections: ${said}, ${left} s left`)
    })
    const probe = await this.#probe(holdMs, HOLD_PROBE_REMEDIES)
    cancel()
    status.now('asking each connection for one echo')
    const sweep = await holders.sweep()
    const state = await holders.refresh()
    const pings = state.pings - before.pings
    const lost = state.lost - before.lost
    const lengthMs = clock.nowMs() - startMs
    const counts = `${grouped(pings)} PINGs answered, ${grouped(lost)} lost, ${grouped(sweep.alive)} alive at the end`
    status.say(`held ${grouped(state.up)} connections for ${Math.round(lengthMs / 1000)} s: ${counts}`)
    return { lengthMs, pings, lost, probe, sweep }
  }

  async #close({ kernel }: LedgerEntry): Promise<number> {
    const { status, clock } = this.#parts
    const { lengthMs } = await this.#resize(0, 'closing')
    status.now('waiting for the other ends to close')
    const startMs = clock.nowMs()
    await untilGone(kernel.sockets, this.#parts)
    const closeMs = lengthMs + clock.nowMs() - startMs
    status.now('waiting for memory to come back')
    await this.#rest(AFTER_SETTLES)
    status.say(`closed at both ends in ${(closeMs / 1000).toFixed(1)} s`)
    return closeMs
  }

  async #account(connections: number): Promise<LedgerEntry> {
    const { memory } = await this.#setting.holders.refresh()
    this.#server.set(withDescendants(this.#setting.serverPids))
    this.#generator.set(this.#setting.holders.pids)
    return ledgerEntry(connections, this.#server, this.#generator, memory, nowUs(this.#parts.clock))
  }

  /** Lets so many times the settling time pass, or less when the ladder is cut short. */
  async #rest(times: number): Promise<void> {
    const { clock, signal } = this.#parts
    const { promise, resolve } = Promise.withResolvers<void>()
    const onAbort = (): void => resolve()
    const cancel = clock.after(this.#options.settleMs * times, resolve)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) resolve()
    await promise
    signal.removeEventListener('abort', onAbort)
    cancel()
  }
}

function holdPlans(
  { addresses, target, codec, route: echoRoute, steps, probe }: LadderOptions,
  parts: LadderParts,
): HoldPlan[] {
  const { hosts, limits } = parts
  const request = { hosts, port: target.port, sources: addresses.sources, limits, others: probe.connections }
  const shares = shareAddresses({ ...request, connections: steps.at(-1) ?? 0 })
  const connectingMax = partOf(addresses.connectingMax, shares.length)
  const askedMax = askedPart(shares.length)
  return shares.map(({ route, connectionFirst, connections: connectionsMax }) => {
    return { route, codec, echoRoute, connectionFirst, connectionsMax, connectingMax, asksFirst: true, askedMax }
  })
}

function describeHolders(plans: readonly HoldPlan[]): string {
  const [first] = plans
  const sources = first?.route.localAddress === null ? '' : ` from ${first?.route.localAddress} and on`
  const most = Math.max(...plans.map(({ connectionsMax }) => connectionsMax))
  return `${plans.length} ${plans.length === 1 ? 'holder' : 'holders'} of up to ${grouped(most)} connections${sources}`
}

function differenceOf(before: number | null, now: number | null): number | null {
  return before === null || now === null ? null : now - before
}
