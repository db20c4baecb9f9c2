import { describe, expect, it } from 'vitest'
import { configOf, MACHINE, messagesOf, problemsOf } from './machines.ts'

describe('a list of networks', () => {
  it('is taken as it is written', () => {
    const { allow } = configOf({ SHARDWIRE_ALLOW: '10.0.0.0/8, 2001:db8::/32,192.0.2.7' })
    expect(allow).toEqual(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'])
  })

  it('says all that is wrong with it at once, each with the entry', () => {
    const problems = problemsOf({ SHARDWIRE_DENY: '10.0.0.1/8,,example.org' })
    expect(problems.map(({ value }) => value)).toEqual(['"10.0.0.1/8"', '""', '"example.org"'])
    expect(problems[0]?.message).toContain('has bits set behind its first 8')
    expect(problems[1]?.message).toContain('a comma too many')
  })
})

describe('the PROXY protocol', () => {
  it('needs somebody who is trusted, and a version', () => {
    const [on, trusted] = [{ SHARDWIRE_PROXY_PROTOCOL: 'v2' }, { SHARDWIRE_PROXY_TRUSTED: '10.0.0.0/8' }]
    expect(messagesOf(on)[0]).toContain('no header would be read from anybody')
    expect(messagesOf(trusted)[0]).toContain('their headers would not be read')
    expect(messagesOf({ ...on, ...trusted })).toEqual([])
    const local = { SHARDWIRE_PROXY_TRUSTED: '10.0.0.0/8,unix:' }
    expect(configOf({ ...on, ...local }).proxyTrusted).toEqual(['10.0.0.0/8', 'unix:'])
    expect(messagesOf({ SHARDWIRE_DENY: 'unix:' })[0]).toContain('is neither an IP address nor a network')
  })
})

it('by default there may be as many connections as the workers could have open files', () => {
  expect(configOf({}).maxConnections).toBe(4 * (65_536 - 64))
  expect(configOf({ SHARDWIRE_WORKERS: '2' }, { ...MACHINE, descriptorLimit: 1024 }).maxConnections).toBe(2 * 960)
  expect(configOf({ SHARDWIRE_MAX_CONNECTIONS: '0' }).maxConnections).toBe(0)
})
