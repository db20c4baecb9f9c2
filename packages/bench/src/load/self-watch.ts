/**
 * Owns what a load process costs itself: CPU, how late its event loop is, garbage collections.
 * Must not know: the load.
 * Invariant: covers exactly the time between `start` and `stop`.
 */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import type { ELDHistogram, EventLoopUtilization } from 'node:perf_hooks'
import process from 'node:process'
import type { Clock } from '@shardwire/protocol'

import { loopUtilization, nowUs } from '../clock.ts'
import type { SelfReport } from '../messages.ts'

/** A timer of so many milliseconds is watched; the histogram holds its whole intervals, lateness and all. */
const RESOLUTION_MS = 10
const RESOLUTION_NS = RESOLUTION_MS * 1_000_000
const US_PER_MS = 1000

interface Usage {
  readonly atUs: number
  readonly thread: NodeJS.CpuUsage
  readonly process: NodeJS.CpuUsage
  readonly loop: EventLoopUtilization
}

export class SelfWatch {
  readonly #clock: Clock
  readonly #delay: ELDHistogram
  readonly #collections: PerformanceObserver
  #from: Usage
  #gcCount = 0
  #gcUs = 0
  #gcMaxUs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#collections = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) this.#collected(duration * US_PER_MS)
    })
    this.#from = this.#usage()
  }

  start(): void {
    this.#from = this.#usage()
    this.#delay.enable()
    this.#collections.observe({ entryTypes: ['gc'] })
  }

  /** @param spinUs time that the loop spent waiting by spinning: it is busy for the system, but not with the load */
  stop(spinUs: number): SelfReport {
    this.#delay.disable()
    for (const { duration } of this.#collections.takeRecords()) this.#collected(duration * US_PER_MS)
    this.#collections.disconnect()
    const from = this.#from
    const thread = process.threadCpuUsage(from.thread)
    const whole = process.cpuUsage(from.process)
    const lengthUs = Math.round(nowUs(this.#clock) - from.atUs)
    const busy = loopUtilization(from.loop).utilization
    return {
      lengthUs,
      threadCpuUs: thread.user + thread.system,
      processCpuUs: whole.user + whole.system,
      loopBusy: lengthUs === 0 ? busy : Math.max(0, busy - spinUs / lengthUs),
      spinUs: Math.round(spinUs),
      loopDelayP50Us: latenessUs(this.#delay.percentile(50)),
      loopDelayP99Us: latenessUs(this.#delay.percentile(99)),
      loopDelayMaxUs: latenessUs(this.#delay.max),
      gcCount: this.#gcCount,
      gcUs: Math.round(this.#gcUs),
      gcMaxUs: Math.round(this.#gcMaxUs),
    }
  }

  #collected(us: number): void {
    this.#gcCount++
    this.#gcUs += us
    this.#gcMaxUs = Math.max(this.#gcMaxUs, us)
  }

  #usage(): Usage {
    return {
      atUs: nowUs(this.#clock),
      thread: process.threadCpuUsage(),
      process: process.cpuUsage(),
      loop: loopUtilization(),
    }
  }
}

function latenessUs(intervalNs: number): number {
  return Math.max(0, Math.round((intervalNs - RESOLUTION_NS) / 1000))
}
