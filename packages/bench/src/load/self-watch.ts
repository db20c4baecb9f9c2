/**
 * Owns what a load process costs itself: CPU, and how late its event loop is.
 * Must not know: the load.
 * Invariant: covers exactly the time between `start` and `stop`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ELDHistogram, EventLoopUtilization } from 'node:perf_hooks'
import process from 'node:process'
import type { Clock } from '@shardwire/protocol'

import { loopUtilization, nowUs } from '../clock.ts'
import type { SelfReport } from '../messages.ts'

/** A timer of so many milliseconds is watched; the histogram holds its whole intervals, lateness and all. */
const RESOLUTION_MS = 10
const RESOLUTION_NS = RESOLUTION_MS * 1_000_000

interface Usage {
  readonly atUs: number
  readonly thread: NodeJS.CpuUsage
  readonly process: NodeJS.CpuUsage
  readonly loop: EventLoopUtilization
}

export class SelfWatch {
  readonly #clock: Clock
  readonly #delay: ELDHistogram
  #from: Usage

  constructor(clock: Clock) {
    this.#clock = clock
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#from = this.#usage()
  }

  start(): void {
    this.#from = this.#usage()
    this.#delay.enable()
  }

  stop(): SelfReport {
    this.#delay.disable()
    const from = this.#from
    const thread = process.threadCpuUsage(from.thread)
    const whole = process.cpuUsage(from.process)
    return {
      lengthUs: Math.round(nowUs(this.#clock) - from.atUs),
      threadCpuUs: thread.user + thread.system,
      processCpuUs: whole.user + whole.system,
      loopBusy: loopUtilization(from.loop).utilization,
      loopDelayP50Us: latenessUs(this.#delay.percentile(50)),
      loopDelayP99Us: latenessUs(this.#delay.percentile(99)),
      loopDelayMaxUs: latenessUs(this.#delay.max),
    }
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
