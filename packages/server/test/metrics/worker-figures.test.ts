/** Owns the tests of figures over the lives of workers: added once, and what was only so gone with its worker. */
import { expect, it } from 'vitest'
import { createRouteCounters } from '../../src/metrics/route-stats.ts'
import { WorkerFigures } from '../../src/metrics/worker-figures.ts'

function figures(connections: number): WorkerFigures {
  const one = new WorkerFigures()
  one.counters.connectionsOpen = connections
  one.counters.connectionsTotal = 10
  one.counters.openByListener.push(connections)
  one.counters.totalByListener.push(10)
  one.counters.mirror.routes.push({ route: 7, name: 'seven', matched: 3, differed: 2, unanswered: 1 })
  one.vitals.levels.resident = 1000
  one.vitals.totals.cpuUser = 2
  one.offload.offered = 4
  one.offload.running = 1
  const route = createRouteCounters(1, 'echo')
  route.requests[0] = 5
  route.latency.counts[3] = 5
  one.routes.set(route.name, route)
  return one
}

it('of several add up', () => {
  const sum = new WorkerFigures()
  sum.add(figures(1))
  sum.add(figures(2))
  expect(sum.counters).toMatchObject({ connectionsOpen: 3, connectionsTotal: 20, openByListener: [3] })
  expect(sum.counters.mirror.routes).toEqual([{ route: 7, name: 'seven', matched: 6, differed: 4, unanswered: 2 }])
  expect(sum.vitals).toMatchObject({ levels: { resident: 2000 }, totals: { cpuUser: 4 } })
  expect(sum.offload).toMatchObject({ offered: 8, running: 2 })
  expect(sum.routes.get('echo')?.requests[0]).toBe(10)
  expect(sum.routes.get('echo')?.latency.counts[3]).toBe(10)
})

it('that were added are not changed by it, nor by what is added later', () => {
  const [one, sum] = [figures(1), new WorkerFigures()]
  sum.add(one)
  sum.add(figures(2))
  expect(one).toEqual(figures(1))
})

it('of a worker that is gone keep what was counted, and nothing else', () => {
  const sum = figures(3)
  sum.forgetLevels()
  expect(sum.counters).toMatchObject({ connectionsOpen: 0, connectionsTotal: 10, openByListener: [0] })
  expect(sum.counters.totalByListener).toEqual([10])
  expect(sum.vitals).toMatchObject({ levels: { resident: 0 }, totals: { cpuUser: 2 } })
  expect(sum.offload).toMatchObject({ offered: 4, running: 0 })
})

it('go by the name of a route: its number may be that of another since a reload', () => {
  const sum = figures(0)
  const renamed = new WorkerFigures()
  renamed.routes.set('new', createRouteCounters(1, 'new'))
  sum.add(renamed)
  expect([...sum.routes.keys()]).toEqual(['echo', 'new'])
})
