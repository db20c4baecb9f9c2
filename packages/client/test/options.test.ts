/** Rules of the options. */
import { describe, expect, it } from 'vitest'
import { ClientError } from '../src/index.ts'
import { completeOptions } from '../src/options.ts'

const LEAST = { host: 'example.org', port: 4000 }

describe('options', () => {
  it('have the defaults of the client table', () => {
    expect(completeOptions(LEAST)).toMatchObject({
      target: 'example.org:4000',
      timeoutMs: 5000,
      requestTimeoutMs: 3000,
      closeTimeoutMs: 5000,
      maxFrameBytes: 1_048_576,
      maxInFlight: 65_536,
      highWaterBytes: 262_144,
      maxBufferedBytes: 16_777_216,
      keepAliveMs: 30_000,
      heartbeatMs: 5000,
      suspectMs: 3000,
      heartbeatMisses: 3,
    })
  })

  it('write an IPv6 target in brackets', () => {
    expect(completeOptions({ host: '::1', port: 1 }).target).toBe('[::1]:1')
  })

  it.each([
    [{ host: '' }, 'host: expected a name or an address, got ""'],
    [{ port: 0 }, 'port: expected an integer from 1 to 65535, got 0'],
    [{ port: 65_536 }, 'port: expected an integer from 1 to 65535, got 65536'],
    [{ timeoutMs: 0 }, 'timeoutMs: expected an integer from 1 to 2147483647, got 0'],
    [{ requestTimeoutMs: 1.5 }, 'requestTimeoutMs: expected an integer from 1 to 2147483647, got 1.5'],
    [{ closeTimeoutMs: Number.NaN }, 'closeTimeoutMs: expected an integer from 1 to 2147483647, got NaN'],
    [{ keepAliveMs: -1 }, 'keepAliveMs: expected an integer from 0 to 2147483647, got -1'],
    [{ maxFrameBytes: 1023 }, 'maxFrameBytes: expected an integer from 1024 to 1073741824, got 1023'],
    [{ maxInFlight: 0 }, 'maxInFlight: expected an integer from 1 to 1048576, got 0'],
    [{ highWaterBytes: 0 }, 'highWaterBytes: expected an integer from 1'],
    [
      { highWaterBytes: 2_000_000, maxBufferedBytes: 1_500_000 },
      'maxBufferedBytes: expected at least highWaterBytes (2000000), got 1500000',
    ],
    [
      { maxBufferedBytes: 1_000_000 },
      'maxBufferedBytes: expected room for one frame of maxFrameBytes (1048576), got 1000000',
    ],
  ])('%j are refused with the option, what is expected, and the value', (wrong, message) => {
    const complete = (): unknown => completeOptions({ ...LEAST, ...wrong })
    expect(complete).toThrow(ClientError)
    expect(complete).toThrow(message)
  })

  it('refuse a HELLO beyond its limits without repeating the token', () => {
    const complete = (): unknown => completeOptions({ ...LEAST, hello: { token: 's'.repeat(5000) } })
    expect(complete).toThrow(/^hello: expected name and version of at most 256 characters/)
    expect(complete).not.toThrow(/sss/)
  })
})
