/** Owns a lobby over sockets in memory. */
import { FakeClock } from '@shardwire/testkit'
import { Farewell } from '../../src/admission/farewell.ts'
import type { Ask } from '../../src/ipc.ts'
import { createRefusals } from '../../src/refusal.ts'
import type { Guest } from '../../src/worker/guest.ts'
import { Lobby } from '../../src/worker/lobby.ts'
import { WheelClock } from '../../src/worker/wheel-clock.ts'
import { FakeHandle, fakeBinding } from '../transport/fake-handle.ts'

export const TIMEOUT_MS = 5000

export interface FakeLobby {
  readonly lobby: Lobby
  readonly clock: FakeClock
  readonly refusals: number[]
  readonly asked: Ask[]
  readonly admitted: Guest[]
  /** Numbers that the primary counts though nobody is here. */
  readonly countedLate: number[]
  readonly faults: string[]
  /** What it asked for, one number each time. */
  readonly wanted: number[]
}

export interface LobbySettings {
  /** Whether the primary is asked for addresses. */
  readonly asks?: boolean
  /** Why a guest that has waited for its place is refused all the same. */
  readonly seatedRefusal?: number
}

export function lobbyWith({ asks = false, seatedRefusal }: LobbySettings = {}): FakeLobby {
  const clock = new FakeClock()
  const wheel = new WheelClock({ clock, tickMs: 20, slots: 1024 })
  const parts = { refusals: createRefusals(), asked: [], admitted: [], countedLate: [], faults: [], wanted: [] }
  const { refusals, asked, admitted, countedLate, faults, wanted }: Omit<FakeLobby, 'lobby' | 'clock'> = parts
  const lobby: Lobby = new Lobby({
    wheel,
    nowMs: () => wheel.nowMs,
    farewell: new Farewell({ clock, random: () => 0, rawBinding: fakeBinding }),
    rawBinding: fakeBinding,
    versions: 'any',
    asks,
    timeoutMs: TIMEOUT_MS,
    forms: ['frame'],
    documented: [false],
    refusals,
    tellAsks: (more) => asked.push(...more),
    open: () => lobby.seated + admitted.length,
    want: (places) => wanted.push(places),
    onSeated: () => seatedRefusal,
    later: (task) => task(),
    onAdmitted: (guest) => admitted.push(guest),
    onLeft: () => undefined,
    onCountedLate: (id) => countedLate.push(id),
    onBadHeader: (fault) => faults.push(fault),
  })
  return { lobby, clock, refusals, asked, admitted, countedLate, faults, wanted }
}

/** A socket of a proxy in the lobby. */
export function guestOf(lobby: Lobby): { readonly guest: Guest; readonly socket: FakeHandle } {
  const socket = new FakeHandle()
  return { guest: lobby.enterProxied({ socket: socket.asRaw, listener: 0 }), socket }
}
