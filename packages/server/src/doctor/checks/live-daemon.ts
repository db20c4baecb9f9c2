/** Owns the checks of a running daemon by what it tells of itself: what holds it back, and what it refuses. */
import { connectionsMax } from '../../admission/limits.ts'
import type { Status, WorkerStatus } from '../../admin/status.ts'
import { bytesText, estimateText, percentText } from '../../admin/units.ts'
import { between, percentilesOf, type View, viewOf } from '../../admin/view.ts'
import type { RefusalName } from '../../refusal.ts'
import { type Finding, fine, type Level } from '../finding.ts'
import type { Observation } from '../observation.ts'
import type { Scene } from '../scene.ts'

const BUSY = 0.9
const PRIMARY_BUSY = 0.7
const DELAY_SECONDS = 0.1
const GC_PART = 0.1
const FULL = 0.85
const ROUND_TRIP_SECONDS = 1
/** How much more the busiest worker does than the others. */
const UNEVEN = 2

export interface Live {
  readonly scene: Scene
  readonly before: Observation
  readonly after: Observation
  readonly view: View
}

export function liveOf(scene: Scene, before: Observation, after: Observation): Live {
  return { scene, before, after, view: viewOf(before.sample.status, after.sample.status) }
}

export function checkDaemon(live: Live): Finding[] {
  const { status } = live.after.sample
  return [
    checkReady(status),
    ...checkLoops(live),
    ...checkCollections(live),
    ...checkLevels(live),
    ...checkPlaces(live),
    ...checkRefusals(live),
    ...checkDeaths(live),
    ...checkHeartbeat(live),
    ...checkSlow(live),
  ]
}

function checkReady({ ready, reasons }: Status): Finding {
  const read = `/readyz: ${ready ? 'ready' : reasons.join('; ')}`
  if (ready) return fine('ready', 'the daemon is ready', read)
  const why = 'load balancers and Kubernetes send it no connections'
  return { check: 'ready', level: 'critical', title: 'the daemon is not ready', read, why, mend: ['shardwire status'] }
}

function checkLoops({ scene, view }: Live): Finding[] {
  const { workers } = view
  const loads = workers.map(({ loop }) => loop)
  const busiest = Math.max(0, ...loads)
  const ofOthers = (loads.reduce((sum, load) => sum + load, 0) - busiest) / Math.max(1, loads.length - 1)
  const read = `event loops were busy for ${loads.map(percentText).join(', ')} of ${view.seconds.toFixed(1)} s`
  const findings: Finding[] = []
  if (busiest < BUSY) findings.push(fine('event-loop', 'event loops', read))
  else if (loads.length > 1 && busiest > UNEVEN * ofOthers) {
    const why = 'one worker does most of the work: few connections carry the load, or they fell to it by chance'
    const mend = ['shardwire top', 'SHARDWIRE_PLACEMENT=least-connections']
    findings.push({ check: 'event-loop', level: 'warning', title: 'one event loop is full', read, why, mend })
  } else {
    const { workers: count } = scene.config
    const cores = scene.machine.cores
    const why =
      count < cores
        ? `the daemon computes all the time, and has ${count} workers for ${cores} cores`
        : 'the daemon computes all the time on every core: more of it takes more machines, or less work a request'
    const mend = count < cores ? [`SHARDWIRE_WORKERS=${cores}`] : ['shardwire top  # which route takes the time']
    findings.push({ check: 'event-loop', level: 'critical', title: 'event loops are full', read, why, mend })
  }
  return [...findings, ...checkDelay(view), ...checkPrimary(scene, view)]
}

function checkDelay({ workers }: View): Finding[] {
  const delays = workers.flatMap(({ delayP99 }) => (delayP99 === undefined ? [] : [delayP99]))
  const worst = Math.max(0, ...delays)
  const read = `timers came late by up to ${estimateText(worst)} (99 %)`
  if (worst < DELAY_SECONDS) return [fine('loop-delay', 'how late timers come', read)]
  const why = 'something holds a loop for that long, and everybody of that worker waits: a handler that computes'
  const mend = ['see docs/offload.md: routes that compute belong into threads', 'shardwire top  # which route it is']
  return [{ check: 'loop-delay', level: 'warning', title: 'event loops are held', read, why, mend }]
}

function checkPrimary({ config }: Scene, view: View): Finding[] {
  const accepts = Math.round(view.acceptedPerSecond)
  const read = `the primary was busy for ${percentText(view.primaryLoop)}, with ${accepts} accepts a second`
  if (view.primaryLoop < PRIMARY_BUSY) return [fine('primary', 'the primary', read)]
  const why = 'it accepts for all workers; beyond this connects wait'
  const mend = config.accept === 'handoff' ? ['SHARDWIRE_ACCEPT=reuseport'] : []
  return [{ check: 'primary', level: 'warning', title: 'the primary is full', read, why, mend }]
}

function checkCollections({ view }: Live): Finding[] {
  const worst = Math.max(0, ...view.workers.map(({ gc }) => gc))
  const read = `garbage collections took ${percentText(worst)} of the time of a worker`
  if (worst < GC_PART) return [fine('gc', 'garbage collections', read)]
  const why = 'handlers leave that much garbage, or the heap is nearly full of what lives on'
  const mend = ['SHARDWIRE_SEMI_SPACE_MB=64  # fewer collections of young garbage', 'shardwire status  # heap in use']
  return [{ check: 'gc', level: 'warning', title: 'much garbage', read, why, mend }]
}

interface LevelCheck {
  readonly check: string
  readonly what: string
  readonly used: (worker: WorkerStatus) => number
  readonly max: (worker: WorkerStatus) => number
  readonly text: (value: number) => string
  readonly level: Level
  readonly why: string
  readonly mend: (max: number) => string
}

const LEVEL_CHECKS: readonly LevelCheck[] = [
  {
    check: 'heap',
    what: 'heap in use',
    used: (worker) => worker.heapUsedBytes,
    max: (worker) => worker.heapLimitBytes,
    text: bytesText,
    // Garbage is in it too.
    level: 'warning',
    why: 'a worker whose heap is full of what lives on is replaced, and one that fills it at once dies',
    mend: (max) => `SHARDWIRE_HEAP_MB=${Math.ceil((max * 2) / 1024 / 1024)}  # after a look at what the service keeps`,
  },
  {
    check: 'buffers',
    what: 'buffers on loan',
    used: (worker) => worker.bufferBytes,
    max: (worker) => worker.bufferBytesMax,
    text: bytesText,
    level: 'critical',
    why: 'when they are spent the largest holders are reset (BUFFER_LIMIT): clients that do not read, or huge frames',
    mend: (max) => `SHARDWIRE_MAX_BUFFER_BYTES=${Math.ceil(max * 2)}`,
  },
  {
    check: 'files-in-use',
    what: 'open files',
    used: (worker) => worker.openFiles,
    max: (worker) => worker.openFilesMax,
    text: String,
    level: 'critical',
    why: 'at the limit, less 64, new connections are refused (NO_DESCRIPTORS)',
    mend: (max) => `LimitNOFILE=${max * 2}  # in the [Service] of its systemd unit`,
  },
]

function checkLevels({ after }: Live): Finding[] {
  const { workers } = after.sample.status
  return LEVEL_CHECKS.flatMap(({ check, what, used, max, text, level, why, mend }) => {
    const fullest = workers.toSorted((a, b) => used(b) / max(b) - used(a) / max(a))[0]
    if (fullest === undefined || max(fullest) === 0) return []
    const read = `${what} of worker ${fullest.worker}: ${text(used(fullest))} of ${text(max(fullest))}`
    if (used(fullest) / max(fullest) < FULL) return [fine(check, what, read)]
    const title = `${what}: nearly all`
    return [{ check, level, title, read, why, mend: [mend(max(fullest))] }]
  })
}

/** A limit that is full refuses nobody while nobody comes: the next client finds out. */
function checkPlaces({ scene, after }: Live): Finding[] {
  const { listeners, primary } = after.sample.status
  const max = connectionsMax(scene.config, primary.openFilesMax)
  // Open files end first, and are looked at by themselves.
  if (max === Infinity) return []
  const open = listeners.reduce((sum, { connections }) => sum + connections, 0)
  const read = `${open} connections of SHARDWIRE_MAX_CONNECTIONS=${max}`
  if (open / max < FULL) return [fine('connection-limit', 'connections', read)]
  const isFull = open >= max
  const why = isFull ? 'whoever connects now is refused (MAX_CONNECTIONS)' : 'beyond it clients are refused'
  const title = isFull ? 'as many connections as there may be' : 'nearly as many connections as there may be'
  const mend = [`SHARDWIRE_MAX_CONNECTIONS=${max * 2}`, 'shardwire conns --sort age  # who has them']
  return [{ check: 'connection-limit', level: isFull ? 'critical' : 'warning', title, read, why, mend }]
}

/** What an operator does about sockets that are refused. */
const REFUSAL_ADVICE: Readonly<Record<RefusalName, string>> = {
  QUEUE_FULL: 'SHARDWIRE_ACCEPT=reuseport, or a larger SHARDWIRE_HANDOFF_QUEUE',
  TOO_OLD: 'shardwire status  # no worker takes them: are they ready, do they stand still?',
  NO_DESCRIPTORS: 'LimitNOFILE=1048576  # in the [Service] of its systemd unit',
  STOPPING: 'shardwire status  # it drains',
  MAX_CONNECTIONS: 'a larger SHARDWIRE_MAX_CONNECTIONS, or one more daemon',
  PER_ADDRESS: 'shardwire conns --sort age  # who has so many? else a larger SHARDWIRE_MAX_CONNECTIONS_PER_IP',
  RATE: 'a larger SHARDWIRE_CONNECTION_RATE; or look why clients come back so often',
  DENIED: 'SHARDWIRE_ALLOW and SHARDWIRE_DENY say who may connect',
  OVERLOADED: 'shardwire top  # every worker is overloaded',
  BAD_PROXY_HEADER: 'SHARDWIRE_PROXY_PROTOCOL, and what the proxy sends, do not agree',
  PROXY_TIMEOUT: 'the proxy sends no header: is SHARDWIRE_PROXY_TRUSTED right?',
  PEER_GONE: 'clients leave before they are served: their timeout is shorter than the wait',
}

function checkRefusals({ before, after }: Live): Finding[] {
  const earlier = before.sample.status.refusals
  const refused = Object.entries(after.sample.status.refusals).map(([name, count]): [string, number, number] => {
    return [name, count - (earlier[name] ?? 0), count]
  })
  const now = refused.filter(([, more]) => more > 0)
  const total = refused.reduce((sum, [, , count]) => sum + count, 0)
  const read =
    now.length > 0
      ? `refused meanwhile: ${now.map(([name, more]) => `${name} ${more}`).join(', ')}`
      : `nobody was refused meanwhile, ${total} since the start`
  if (now.length === 0) return [fine('refusals', 'refusals', read)]
  const mend = now.map(([name]) => REFUSAL_ADVICE[name as RefusalName])
  const why = 'these clients were turned away'
  return [{ check: 'refusals', level: 'warning', title: 'connections are refused', read, why, mend }]
}

function checkDeaths({ after, before }: Live): Finding[] {
  const deaths = ({ sample }: Observation): number => {
    return sample.status.workers.reduce((sum, { exits }) => sum + exits.died + exits.failed, 0)
  }
  const [now, meanwhile] = [deaths(after), deaths(after) - deaths(before)]
  const read = `workers that died since the start: ${now}`
  if (now === 0) return [fine('deaths', 'workers', read)]
  const why = 'the connections of each were lost'
  const mend = ['grep worker-exited in its log: the line says why']
  const level = meanwhile > 0 ? 'critical' : 'note'
  return [{ check: 'deaths', level, title: 'workers died', read, why, mend }]
}

function checkHeartbeat({ before, after }: Live): Finding[] {
  const { status } = after.sample
  const counts = between(before.sample.status.heartbeat, status.heartbeat)
  const meanwhile = percentilesOf(counts, status.bounds.duration)
  const all = meanwhile.count > 0 ? meanwhile : percentilesOf(status.heartbeat.counts, status.bounds.duration)
  if (all.p99 === undefined) return []
  const read = `round trips of heartbeats: ${estimateText(all.p50)} (50 %), ${estimateText(all.p99)} (99 %)`
  if (all.p99 < ROUND_TRIP_SECONDS) return [fine('round-trip', 'the way to clients', read)]
  const why = 'the network to some clients is slow, or they are: their requests take at least as long'
  const mend = ['shardwire conns --sort round-trip  # whose']
  return [{ check: 'round-trip', level: 'note', title: 'a long way to some clients', read, why, mend }]
}

function checkSlow({ after }: Live): Finding[] {
  const { slow } = after.sample
  const worst = slow[0]
  const read =
    worst === undefined ? 'nobody has anything unsent' : `most unsent: ${bytesText(worst.unsentBytes)} of ${worst.id}`
  if (worst?.hold !== 'unsent') return [fine('slow-consumers', 'who does not read', read)]
  const why = 'it is not read from until it reads its answers, and is closed after SHARDWIRE_SLOW_CONSUMER_MS'
  const mend = [`shardwire conns ${worst.id}`]
  return [{ check: 'slow-consumers', level: 'note', title: 'somebody does not read', read, why, mend }]
}
