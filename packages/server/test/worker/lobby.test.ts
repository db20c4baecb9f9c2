import { describe, expect, it } from 'vitest'
import { ADMITTED } from '../../src/ipc.ts'
import { namedRefusals, Refusal } from '../../src/refusal.ts'
import { guestOf, lobbyWith, TIMEOUT_MS } from './fake-lobby.ts'
import { header1, header2 } from './proxy-headers.ts'

describe('a guest that sends a PROXY header', () => {
  it('is admitted when it is whole, and not a byte more was read', () => {
    for (const header of [header1('TCP4 192.0.2.7 10.0.0.1 4711 7400'), header2('192.0.2.7', 4711, 700)]) {
      const { lobby, admitted } = lobbyWith()
      const { guest, socket } = guestOf(lobby)
      lobby.begin(guest)
      socket.arrive(header.subarray(0, 20))
      expect([socket.reading, admitted]).toEqual([true, []])
      socket.arrive(header.subarray(20))
      expect([socket.reading, admitted, lobby.size]).toEqual([false, [guest], 0])
      expect(guest.client).toEqual({ address: '192.0.2.7', port: 4711 })
    }
  })

  it('is asked for when a limit goes by addresses, and waits for the answer', () => {
    const { lobby, asked, admitted } = lobbyWith({ asks: true })
    const { guest, socket } = guestOf(lobby)
    lobby.begin(guest)
    socket.arrive(header2('192.0.2.7', 4711))
    expect([asked, admitted]).toEqual([[{ id: -1, address: '192.0.2.7' }], []])
    lobby.answered([{ id: -1, refusal: ADMITTED }])
    expect([admitted, lobby.size]).toEqual([[guest], 0])
  })

  it('is refused by the reason that the primary names', () => {
    const { lobby, refusals, admitted } = lobbyWith({ asks: true })
    const { guest, socket } = guestOf(lobby)
    lobby.begin(guest)
    socket.arrive(header2('192.0.2.7', 4711))
    lobby.answered([{ id: -1, refusal: Refusal.PER_ADDRESS }])
    expect([namedRefusals(refusals), admitted]).toEqual([{ PER_ADDRESS: 1 }, []])
    expect(socket.sent.length).toBeGreaterThan(0)
  })

  it('whose answer does not come leaves at the timeout; the answer that comes then is given back', () => {
    const { lobby, clock, refusals, countedLate } = lobbyWith({ asks: true })
    const { guest, socket } = guestOf(lobby)
    lobby.begin(guest)
    socket.arrive(header2('192.0.2.7', 4711))
    clock.advance(TIMEOUT_MS + 40)
    expect([namedRefusals(refusals), lobby.size]).toEqual([{ TOO_OLD: 1 }, 0])
    lobby.answered([{ id: -1, refusal: ADMITTED }])
    expect(countedLate).toEqual([-1])
  })

  it('of a proxy that speaks for itself is not asked for', () => {
    const { lobby, asked, admitted } = lobbyWith({ asks: true })
    const { guest, socket } = guestOf(lobby)
    lobby.begin(guest)
    socket.arrive(header2(undefined, 0))
    expect([asked, admitted]).toEqual([[], [guest]])
  })
})

describe('a guest that leaves', () => {
  it('by FIN or reset in its header is gone, and counted so', () => {
    const { lobby, refusals } = lobbyWith()
    const [a, b] = [guestOf(lobby), guestOf(lobby)]
    for (const { guest } of [a, b]) lobby.begin(guest)
    a.socket.arriveEnd()
    b.socket.arriveReset()
    expect([namedRefusals(refusals), lobby.size]).toEqual([{ PEER_GONE: 2 }, 0])
    expect([a.socket.log, b.socket.log]).toEqual([['close'], ['close']])
  })

  it('because another worker has it is only closed here', () => {
    const { lobby, refusals } = lobbyWith()
    const { guest, socket } = guestOf(lobby)
    expect([lobby.giveUp(guest), lobby.giveUp(guest)]).toEqual([true, false])
    expect([namedRefusals(refusals), socket.log]).toEqual([{}, ['close']])
  })

  it('because the worker drains is told so, and not read when its time would come', () => {
    const { lobby, refusals } = lobbyWith()
    const { guest, socket } = guestOf(lobby)
    lobby.close()
    lobby.begin(guest)
    expect([namedRefusals(refusals), socket.reading, socket.sent.length > 0]).toEqual([{ STOPPING: 1 }, false, true])
  })
})
