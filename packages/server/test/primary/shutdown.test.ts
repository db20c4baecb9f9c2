import { FakeClock, nextTurn } from '@shardwire/testkit'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import type { Entrance } from '../../src/primary/entrance.ts'
import { Handoff } from '../../src/primary/handoff.ts'
import { Shutdown } from '../../src/primary/shutdown.ts'
import type { Supervisor } from '../../src/primary/supervisor.ts'
import { Totals } from '../../src/primary/totals.ts'
import type { WorkerProcess } from '../../src/primary/worker-process.ts'
import type { Accepted } from '../../src/transport/accepted.ts'
import { createRefusals, Refusal } from '../../src/refusal.ts'
import { configOf } from '../config/machines.ts'
import { fakeWorker } from './fake-worker.ts'

it('the last worker may die while it is still accepted: what comes is counted, and the end told once', async () => {
  const clock = new FakeClock()
  const workers: WorkerProcess[] = [fakeWorker(0, 1, configOf({}), 0).process]
  const closed = Promise.withResolvers<void>()
  const events: Record<string, unknown>[] = []
  const refusals = createRefusals()
  const handoff = new Handoff({
    clock,
    queueMax: 10,
    waitMsMax: 1000,
    hasRoom: () => true,
    placement: 'round-robin',
    dismiss: (_, reason) => void refusals.splice(reason, 1, (refusals[reason] ?? 0) + 1),
    onCounted: () => undefined,
  })
  const shutdown = new Shutdown({
    clock,
    log: pino({}, { write: (line) => void events.push(JSON.parse(line) as Record<string, unknown>) }),
    entrance: { close: () => closed.promise } as Entrance,
    handoff,
    supervisor: () => ({ workers, stop: () => undefined }) as unknown as Supervisor,
    totals: new Totals(),
    refusals: () => refusals,
  })
  void shutdown.begin('SIGTERM', 10_000)
  workers.length = 0
  shutdown.workerGone()
  // What the kernel had queued: there is no worker for it.
  handoff.offer({} as Accepted, 0)
  closed.resolve()
  await nextTurn()
  clock.advance(1000)
  await shutdown.stopped
  await nextTurn()
  const stopped = events.filter(({ event }) => event === 'stopped')
  expect(stopped).toHaveLength(1)
  expect(stopped[0]).toMatchObject({ refused: 1, refusals: { STOPPING: 1 } })
  expect(refusals[Refusal.STOPPING]).toBe(1)
  expect(clock.pendingTimers).toBe(0)
})
