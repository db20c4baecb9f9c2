/** Owns the tests of SHARDWIRE_LISTEN: addresses, their parameters, and what this version does not have. */
import { describe, expect, it } from 'vitest'
import { configOf, problemsOf } from './machines.ts'

function listen(text: string) {
  return configOf({ SHARDWIRE_LISTEN: text }).listen
}

function complaints(text: string): readonly string[] {
  return problemsOf({ SHARDWIRE_LISTEN: text }).map((problem) => problem.message.replace(/^.*?", which /, ''))
}

describe('accepted', () => {
  it('one address, completed by the options it does not set', () => {
    expect(listen('tcp://127.0.0.1:7400')).toEqual([
      {
        scheme: 'tcp',
        host: '127.0.0.1',
        port: 7400,
        codec: 'frame',
        address: 'tcp://127.0.0.1:7400',
        heartbeatMs: 30_000,
        idleTimeoutMs: 0,
        maxFrameBytes: 1_048_576,
        backlog: 4096,
        nodelay: true,
        keepaliveMs: 180_000,
        keepaliveIntervalMs: 75_000,
        keepaliveProbes: 9,
      },
    ])
  })

  it('several, with blanks around the commas', () => {
    expect(listen('tcp://127.0.0.1:1 , tcp://[::1]:2').map(({ address }) => address)).toEqual([
      'tcp://127.0.0.1:1',
      'tcp://[::1]:2',
    ])
  })

  it('an IPv6 address in brackets, which its host has no longer', () => {
    expect(listen('tcp://[::1]:7400')[0]).toMatchObject({ host: '::1' })
  })

  it('limits of its own, and the options for the rest', () => {
    const env = { SHARDWIRE_LISTEN: 'tcp://h:1?heartbeat-ms=5000,tcp://h:2', SHARDWIRE_IDLE_TIMEOUT_MS: '60000' }
    expect(configOf(env).listen.map(({ heartbeatMs, idleTimeoutMs }) => [heartbeatMs, idleTimeoutMs])).toEqual([
      [5000, 60_000],
      [30_000, 60_000],
    ])
  })

  it('all parameters together, and 0 to turn a limit off', () => {
    const [listener] = listen('tcp://h:1?codec=frame&heartbeat-ms=0&idle-timeout-ms=5000&max-frame-bytes=4096')
    expect(listener).toMatchObject({ codec: 'frame', heartbeatMs: 0, idleTimeoutMs: 5000, maxFrameBytes: 4096 })
  })

  it('what only sockets have, each for one address', () => {
    const own = 'nodelay=false&keepalive-ms=0&keepalive-interval-ms=1000&keepalive-probes=3&backlog=16'
    const [first, second] = listen(`tcp://h:1?${own},tcp://h:2`)
    expect(first).toMatchObject({ nodelay: false, keepaliveMs: 0, keepaliveIntervalMs: 1000, keepaliveProbes: 3 })
    expect([first?.backlog, second?.backlog, second?.nodelay]).toEqual([16, 4096, true])
  })

  it('TLS', () => {
    const env = { SHARDWIRE_LISTEN: 'tls://h:1', SHARDWIRE_TLS_CERT: './c.pem', SHARDWIRE_TLS_KEY: './k.pem' }
    expect(configOf(env).listen).toMatchObject([{ scheme: 'tls', host: 'h', port: 1, address: 'tls://h:1' }])
  })

  it('Unix sockets, with the permissions of user and group unless told otherwise, and nothing of TCP', () => {
    expect(listen('unix:/run/wire.sock,unix:///run/b.sock?mode=666&max-frame-bytes=4096')).toMatchObject([
      { scheme: 'unix', path: '/run/wire.sock', mode: 0o660, address: 'unix:/run/wire.sock', nodelay: false },
      { path: '/run/b.sock', mode: 0o666, keepaliveMs: 0, maxFrameBytes: 4096 },
    ])
  })

  it('sockets that are handed on', () => {
    expect(listen('fd://3,FD://4?nodelay=false')).toMatchObject([
      { scheme: 'fd', fd: 3, address: 'fd://3', nodelay: true },
      { scheme: 'fd', fd: 4, nodelay: false },
    ])
  })

  it('a scheme in capitals', () => {
    expect(listen('TCP://h:1')[0]?.scheme).toBe('tcp')
  })

  it('port 0 more than once, for every listener gets a port of its own', () => {
    expect(listen('tcp://127.0.0.1:0,tcp://127.0.0.1:0')).toHaveLength(2)
  })
})

describe('refused', () => {
  it.each([
    ['http://h:1', 'does not begin with tcp://, tls://, unix: or fd://'],
    ['udp://h:1', 'does not begin with tcp://, tls://, unix: or fd://'],
    ['fd://2', 'is a standard stream: those that are handed on begin with fd://3'],
    ['fd:3', 'names no descriptor: write fd://3 for the first that was handed on'],
    ['fd://x', 'names no descriptor: write fd://3 for the first that was handed on'],
    ['fd://3000000', 'names no descriptor: write fd://3 for the first that was handed on'],
    ['fd://3?mode=0660', 'sets mode, which only a Unix socket has'],
    ['tcp:h:1', 'does not begin with tcp://'],
    ['7400', 'does not begin with tcp://, tls://, unix: or fd://'],
    ['unix:wire.sock', 'has no absolute path: write unix:/run/shardwire.sock'],
    ['unix://host/wire.sock', 'has no absolute path: write unix:/run/shardwire.sock'],
    ['unix:', 'has no absolute path: write unix:/run/shardwire.sock'],
    ['unix:/run/', 'ends with /: the path must be that of the socket itself'],
    ['unix:/w?mode=888', 'has mode="888", which is no mode of three octal digits'],
    ['unix:/w?mode=07777', 'has mode="07777", which is no mode of three octal digits'],
    ['unix:/w?nodelay=true', 'sets nodelay, which a Unix socket does not have'],
    ['unix:/w&mode=0660', 'has a & in its path: parameters begin with ?, and no path of ours has either'],
    [`unix:/${'x'.repeat(107)}`, 'has a path of 108 bytes: the system takes 107 for a socket'],
    ['tcp://h:1?mode=0660', 'sets mode, which only a Unix socket has'],
    ['tcp://h:1?nodelay=yes', 'has nodelay="yes", which is neither true nor false: write true'],
    ['127.0.0.1:7400', 'has no scheme: write tcp://127.0.0.1:7400'],
    ['localhost:7400', 'has no scheme: write tcp://localhost:7400'],
    ['tcp://h', 'has no port after its host'],
    ['tcp://h:1?hartbeat-ms=1', 'has an unknown parameter "hartbeat-ms": did you mean heartbeat-ms?'],
    ['tcp://h:1?color=red', 'has an unknown parameter "color"'],
    ['tcp://h:1?heartbeat-ms=5000&heartbeat-ms=6000', 'sets heartbeat-ms twice'],
    ['tcp://h:1?heartbeat-ms=5', 'has heartbeat-ms="5", which is less than 10'],
    ['tcp://h:1?heartbeat-ms=', 'has heartbeat-ms="", which is not a plain whole number of milliseconds'],
    [
      'tcp://h:1?max-frame-bytes=1KiB',
      'has max-frame-bytes="1KiB", which is not a plain whole number of bytes: write 1024',
    ],
  ])('%s %s', (text, complaint) => {
    expect(complaints(text)).toEqual([complaint])
  })

  it('a comma too many', () => {
    expect(complaints('tcp://h:1,')).toEqual(['is empty: there is a comma too many'])
  })

  it.each([
    'unix:/a,unix:/a?mode=0600',
    'fd://3,fd://3?heartbeat-ms=5000',
    'tcp://h:1,tls://h:1',
    'tcp://h:1,tcp://h:1',
    'tcp://[::1]:1,tcp://[0:0::1]:1',
    'tcp://h:1,tcp://H:1?heartbeat-ms=5000',
  ])('the same address twice: %s', (text) => {
    expect(complaints(text)).toEqual(['is listed twice'])
  })

  it('more addresses than anybody listens on', () => {
    const many = Array.from({ length: 65 }, (_, index) => `tcp://h:${index + 1}`)
    expect(complaints(many.join())).toEqual(['has more than 64 addresses'])
    expect(complaints(many.slice(1).join())).toEqual([])
  })

  it('everything at once, each with the address it is in', () => {
    const problems = problemsOf({ SHARDWIRE_LISTEN: 'fd://1,tcp://b:99999?codec=jsno&x=1,tcp://c:1' })
    expect(problems.map(({ value }) => value)).toEqual([
      '"fd://1"',
      '"tcp://b:99999?codec=jsno&x=1"',
      '"tcp://b:99999?codec=jsno&x=1"',
      '"tcp://b:99999?codec=jsno&x=1"',
    ])
  })

  it('without showing the password in it', () => {
    const problems = problemsOf({ SHARDWIRE_LISTEN: 'http://me:hunter2@h:1,tcp://me:hunter2@h:1' })
    expect(problems).toHaveLength(2)
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })
})
