import { describe, expect, it } from 'vitest'
import { formatEffective } from '../../src/config/format.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { mirrorText } from '../../src/config/mirror-address.ts'
import { configOf, MACHINE, messagesOf } from './machines.ts'

function mirrorOf(text: string): unknown {
  return configOf({ SHARDWIRE_MIRROR: text }).mirror
}

describe('SHARDWIRE_MIRROR', () => {
  it('is an address, and what is compared and sampled', () => {
    const plain = { scheme: 'tcp', host: 'h', port: 7400, compare: [], sample: 'connections' }
    expect(mirrorOf('tcp://h:7400')).toEqual(plain)
    expect(mirrorOf('tcp://h:7400?compare=all')).toEqual({ ...plain, compare: 'all' })
    expect(mirrorOf('tcp://h:7400?compare=greet,7&sample=frames')).toEqual({
      ...plain,
      compare: ['greet', '7'],
      sample: 'frames',
    })
    expect(mirrorOf('tcp://[::1]:7400')).toEqual({ ...plain, host: '::1' })
    expect(configOf({}).mirror).toBeNull()
  })

  it('has TLS with files, or is a Unix socket', () => {
    const plain = { compare: [], sample: 'connections' }
    expect(mirrorOf('tls://h:1?ca=./ca.pem&cert=c.pem&key=k.pem&servername=x.example')).toEqual({
      ...plain,
      ...{ scheme: 'tls', host: 'h', port: 1, ca: './ca.pem', cert: 'c.pem', key: 'k.pem', servername: 'x.example' },
    })
    expect(mirrorOf('unix:/run/w.sock?compare=all')).toEqual({
      ...plain,
      ...{ scheme: 'unix', path: '/run/w.sock', compare: 'all' },
    })
  })

  it.each([
    ...['tcp://h:7400', 'tcp://[::1]:1?compare=all', 'tcp://h:1?compare=a,2&sample=frames'],
    ...['tls://h:1?ca=/a/c.pem&cert=c%26.pem&key=k.pem&compare=all', 'unix:/run/w.sock?sample=frames'],
  ])('%s is printed as it was written', (text) => {
    const { mirror } = configOf({ SHARDWIRE_MIRROR: text })
    expect(mirror === null ? '' : mirrorText(mirror)).toBe(text)
    const loaded = loadConfig({ SHARDWIRE_MIRROR: text }, MACHINE)
    if (loaded.ok) expect(formatEffective(loaded.config, loaded.sources)).toContain(text)
  })

  it.each([
    ['h:7400', 'has no scheme: write tcp://h:7400'],
    ['http://h:7400', 'does not begin with tcp://, tls:// or unix:'],
    ['unix:run/w.sock', 'has no absolute path: write unix:/run/shardwire.sock'],
    ['tcp://h:1?ca=/c.pem', 'sets ca, which only tls:// has'],
    ['tls://h:1?cert=/c.pem', 'has cert without key: it takes both, or neither'],
    ['tls://h:1?ca=', 'sets ca to nothing'],
    ['tls://h:1?servernam=x', 'has an unknown parameter "servernam": did you mean servername?'],
    ['tcp://h:0', 'has port 0, at which nobody can be reached'],
    ['tcp://h', 'has no port after its host'],
    ['tcp://h:1,tcp://i:2', 'is a list: frames are mirrored to one address'],
    ['tcp://h:1?compere=all', 'has an unknown parameter "compere": did you mean compare?'],
    ['tcp://h:1?compare=', 'has compare without a route: write compare=all, or name routes'],
    ['tcp://h:1?sample=some', 'has sample="some", which is neither connections nor frames'],
    ['tcp://h:1?compare=1&compare=2', 'sets compare twice'],
  ])('%s: %s', (text, complaint) => {
    expect(messagesOf({ SHARDWIRE_MIRROR: text })).toEqual([`SHARDWIRE_MIRROR is "${text}", which ${complaint}`])
  })
})

describe('SHARDWIRE_MIRROR_PERCENT', () => {
  it.each([
    ['0', 0],
    ['2.5', 2.5],
    ['0.01', 0.01],
    ['100', 100],
  ])('%s', (text, percent) => {
    expect(configOf({ SHARDWIRE_MIRROR_PERCENT: text }).mirrorPercent).toBe(percent)
  })

  it.each([
    ['100.1', 'is more than 100'],
    ['-1', 'is not a plain number'],
    ['1e1', 'is not a plain number'],
    ['5%', 'is not a plain number: write 5'],
    ['.5', 'is not a plain number: write 0.5'],
  ])('%s: %s', (text, complaint) => {
    expect(messagesOf({ SHARDWIRE_MIRROR_PERCENT: text })).toEqual([
      `SHARDWIRE_MIRROR_PERCENT is "${text}", which ${complaint}`,
    ])
  })
})
