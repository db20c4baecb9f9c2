import { FakeClock } from '@shardwire/testkit'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SocketTicket, ToPrimary } from '../../src/ipc.ts'
import type { RawHandle } from '../../src/transport/raw-handle.ts'
import { Arrivals } from '../../src/worker/arrivals.ts'
import type { Connection } from '../../src/worker/connection.ts'

const TICKET_MS = 1000

let clock: FakeClock
let log: string[]
let told: ToPrimary[]
/** What runs at the end of the turn. */
let laterTasks: (() => void)[]
/** Callbacks of messages that have not left. */
let unsent: ((error: Error | null) => void)[]
let arrivals: Arrivals<Connection>
beforeEach(() => {
  clock = new FakeClock()
  ;[log, told, laterTasks, unsent] = [[], [], [], []]
  const idOf = (connection: Connection): string => connection.id
  arrivals = new Arrivals({
    clock,
    adopt: (socket) => ({ id: (socket as unknown as { name: string }).name }) as Connection,
    begin: (connection) => log.push(`open ${idOf(connection)}`),
    giveUp: (connection) => log.push(`give up ${idOf(connection)}`),
    descriptorsFree: () => 100,
    open: () => 7,
    onLost: () => log.push('lost'),
    tell: (message, onSent) => {
      told.push(message)
      if (onSent !== undefined) unsent.push(onSent)
    },
    later: (task) => laterTasks.push(task),
  })
})

function endTurn(): void {
  for (const task of laterTasks.splice(0)) task()
}

/** The oldest message that waits leaves, or fails. */
function sent(error: Error | null = null): void {
  unsent.shift()?.(error)
}

function ticket(sequence: number): SocketTicket {
  return { type: 'socket', sequence, listener: 0, proxied: false, expiresAtMs: clock.nowMs() + TICKET_MS }
}

function handle(name: string): RawHandle {
  return { name, close: () => log.push(`close ${name}`) } as unknown as RawHandle
}

describe('a socket that arrives', () => {
  it('is read only when `accepted` has left, and all of one turn are accepted by one message', () => {
    arrivals.arrived(ticket(1), handle('a'))
    arrivals.arrived(ticket(2), handle('b'))
    expect(told).toEqual([])
    endTurn()
    expect(told).toEqual([{ type: 'accepted', sequences: [1, 2], descriptorsFree: 100, open: 7 }])
    expect(log).toEqual([])
    sent()
    expect(log).toEqual(['open a', 'open b'])
  })

  it('is given up when `accepted` could not be sent', () => {
    arrivals.arrived(ticket(1), handle('a'))
    endTurn()
    sent(new Error('the channel is closed'))
    expect(log).toEqual(['give up a'])
  })

  it('is neither read nor closed, with a ticket that ran out meanwhile, until it is known whose it is', () => {
    for (const [index, name] of ['a', 'b', 'c'].entries()) arrivals.arrived(ticket(index + 1), handle(name))
    endTurn()
    clock.advance(TICKET_MS)
    sent()
    expect(log).toEqual([])
    expect(told.at(-1)).toEqual({ type: 'doubt', sequences: [1, 2, 3] })
    arrivals.disown(2)
    arrivals.settled([1, 2, 3])
    arrivals.settled([1, 2, 3])
    expect(log).toEqual(['give up b', 'open a', 'open c'])
  })

  it('too late is closed unread, and refused', () => {
    const stale = ticket(7)
    clock.advance(TICKET_MS)
    arrivals.arrived(stale, handle('a'))
    endTurn()
    expect(log).toEqual(['close a'])
    expect(told).toEqual([{ type: 'refused', sequence: 7, descriptorsFree: 100 }])
  })

  it('without its handle is refused, and descriptors are counted again', () => {
    arrivals.arrived(ticket(7), undefined)
    expect([log, told]).toEqual([['lost'], [{ type: 'refused', sequence: 7, descriptorsFree: 100 }]])
  })

  it('and was given to another worker meanwhile is given up', () => {
    arrivals.arrived(ticket(1), handle('a'))
    endTurn()
    sent()
    arrivals.disown(1)
    arrivals.disown(99)
    expect(log).toEqual(['open a', 'give up a'])
  })
})
