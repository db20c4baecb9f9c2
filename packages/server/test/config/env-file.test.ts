import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'
import { MACHINE } from './machines.ts'

function load(env: Readonly<Record<string, string>>, text: string | Error): ReturnType<typeof loadConfig> {
  return loadConfig({ SHARDWIRE_ENV_FILE: '/etc/shardwire.env', ...env }, MACHINE, (path) => {
    expect(path).toBe('/etc/shardwire.env')
    if (text instanceof Error) throw text
    return text
  })
}

function messagesOf(loaded: ReturnType<typeof loadConfig>): readonly string[] {
  return loaded.ok ? [] : loaded.problems.map(({ message }) => message)
}

describe('the file of SHARDWIRE_ENV_FILE', () => {
  it('sets options and other variables, and says so', () => {
    const loaded = load({}, '# limits\nSHARDWIRE_BACKLOG=100\nexport DATABASE="a b"\n')
    expect(loaded).toMatchObject({ ok: true, config: { backlog: 100 }, sources: { backlog: 'env file' } })
    expect(loaded).toMatchObject({ env: { DATABASE: 'a b', SHARDWIRE_BACKLOG: '100' } })
  })

  it('stands under the real environment, in which an empty variable counts as not set', () => {
    const loaded = load(
      { SHARDWIRE_BACKLOG: '200', SHARDWIRE_WORKERS: ' ' },
      'SHARDWIRE_BACKLOG=100\nSHARDWIRE_WORKERS=3',
    )
    expect(loaded).toMatchObject({ ok: true, config: { backlog: 200, workers: 3 } })
    expect(loaded).toMatchObject({ sources: { backlog: 'environment', workers: 'env file' } })
  })

  it('is judged with everything else, all problems at once', () => {
    const text =
      'SHARDWIRE_BACKLOG=x\nSHARDWIRE_BACKLOGS=1\nSHARDWIRE_HEARTBEAT_MS=9000\nSHARDWIRE_IDLE_TIMEOUT_MS=1000'
    expect(messagesOf(load({ SHARDWIRE_WORKERS: '0' }, text))).toEqual([
      expect.stringContaining('SHARDWIRE_WORKERS is "0"'),
      expect.stringContaining('SHARDWIRE_BACKLOG is "x"'),
      expect.stringContaining('SHARDWIRE_BACKLOGS is not an option'),
      expect.stringContaining('SHARDWIRE_HEARTBEAT_MS is 9000'),
    ])
  })

  it('that cannot be read is a problem with its reason', () => {
    const error = Object.assign(new Error('secret text'), { code: 'EACCES' })
    expect(messagesOf(load({}, error))).toEqual([
      'SHARDWIRE_ENV_FILE is "/etc/shardwire.env", which cannot be read (EACCES)',
    ])
  })

  it('that has null bytes is damaged, and none of it is taken', () => {
    expect(messagesOf(load({}, 'SHARDWIRE_BACKLOG=100\nGREETING=\0\0\n'))).toEqual([
      'SHARDWIRE_ENV_FILE is "/etc/shardwire.env", which has a null byte in line 2: it is damaged',
    ])
  })

  it('has no line that means to set an option and does not, and does not name itself', () => {
    const text = 'SHARDWIRE_BACKLOG 100\nSHARDWIRE_ENV_FILE=/other'
    expect(messagesOf(load({}, text))).toEqual([
      'SHARDWIRE_ENV_FILE: line 1 of "/etc/shardwire.env" begins with SHARDWIRE_BACKLOG and sets nothing',
      'SHARDWIRE_ENV_FILE is "/etc/shardwire.env", which sets SHARDWIRE_ENV_FILE itself: only the real environment can',
    ])
  })
})
