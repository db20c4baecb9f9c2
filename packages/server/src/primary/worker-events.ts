/**
 * Owns the way of what workers say to the parts of the primary that it concerns, in one order.
 * Must not know: what becomes of it there.
 * Invariant: nothing is kept here.
 */
import type { Inquiries } from '../admin/inquiries.ts'
import type { Profiles } from '../profile/profiles.ts'
import type { Door } from './admission/door.ts'
import type { Entrance } from './entrance.ts'
import type { Seconds } from './seconds.ts'
import type { Supervisor } from './supervisor.ts'
import type { WorkerObserver, WorkerProcess } from './worker-process.ts'

export interface WorkerEventsOptions extends Pick<WorkerObserver, 'onReady' | 'onFailed' | 'onExit'> {
  readonly door: Door
  readonly entrance: Entrance
  readonly seconds: Seconds
  readonly inquiries: Inquiries
  readonly profiles: Profiles
  /** It is made with the observer. */
  readonly supervisor: () => Supervisor
  /** It has begun to listen by itself. */
  readonly onServes: (worker: WorkerProcess) => void
  /** It is on its way out. */
  readonly onRetired: (worker: WorkerProcess) => void
}

export function observeWorkers(options: WorkerEventsOptions): WorkerObserver {
  const { door, entrance, seconds, supervisor, inquiries, profiles } = options
  const { onReady, onFailed, onServes, onRetired, onExit } = options
  const { handoff } = door
  return {
    onReady,
    onFailed,
    onAccepted: (worker, sequences) => {
      worker.accepted += sequences.length
      for (const sequence of sequences) handoff.acknowledge(worker, sequence)
    },
    onQuotaTaken: (worker, waiting) => door.quotaTaken(worker, waiting),
    onWant: (worker, places) => door.want(worker, places),
    onRefused: (worker, sequence) => handoff.decline(worker, sequence),
    onGone: (worker, ids) => door.gone(worker, ids),
    onAsk: (worker, asks) => worker.tell({ type: 'verdicts', verdicts: door.answer(worker, asks) }),
    onListening: (worker, slot, listener) => {
      entrance.workerListening(worker, slot, listener)
      onServes(worker)
    },
    onUnlistened: (worker, slot) => entrance.workerUnlistened(worker, slot),
    onSnapshot: (worker) => {
      handoff.heard(worker)
      entrance.workerHeard(worker)
      seconds.reported(worker)
    },
    onHeard: (worker) => supervisor().heard(worker),
    onLeaving: (worker, why, deadlineMs) => {
      onRetired(worker)
      supervisor().leaves(worker, why, deadlineMs)
    },
    onOutworn: (worker, why) => supervisor().outworn(worker, why),
    onFound: (worker, id, finding) => inquiries.found(worker, id, finding),
    onProfile: (worker, message) => profiles.told(worker, message),
    onExit,
  }
}
