/** Owns the tests of the rules between options. */
import { describe, expect, it } from 'vitest'
import { PAIR_CHECKS } from '../../src/config/pair-checks.ts'
import type { Environment } from '../../src/config/read-options.ts'
import { GIB, MACHINE, messagesOf, problemsOf } from './machines.ts'

const MIB = 1024 ** 2

/** Two settings each: one that breaks the rule, and the nearest that does not. */
const CASES: readonly { rule: string; broken: Environment; kept: Environment; says: string }[] = [
  {
    rule: 'a heartbeat is not longer than the idle timeout',
    broken: { SHARDWIRE_HEARTBEAT_MS: '20001', SHARDWIRE_IDLE_TIMEOUT_MS: '20000' },
    kept: { SHARDWIRE_HEARTBEAT_MS: '20000', SHARDWIRE_IDLE_TIMEOUT_MS: '20000' },
    says: 'SHARDWIRE_HEARTBEAT_MS is 20001 and SHARDWIRE_IDLE_TIMEOUT_MS is 20000',
  },
  {
    rule: 'the default heartbeat counts as well',
    broken: { SHARDWIRE_IDLE_TIMEOUT_MS: '10000' },
    kept: { SHARDWIRE_IDLE_TIMEOUT_MS: '10000', SHARDWIRE_HEARTBEAT_MS: '0' },
    says: 'SHARDWIRE_HEARTBEAT_MS is 30000 (by default) and SHARDWIRE_IDLE_TIMEOUT_MS is 10000',
  },
  {
    rule: 'a heartbeat allows a miss',
    broken: { SHARDWIRE_HEARTBEAT_MISSES: '0' },
    kept: { SHARDWIRE_HEARTBEAT_MISSES: '0', SHARDWIRE_HEARTBEAT_MS: '0' },
    says: 'SHARDWIRE_HEARTBEAT_MISSES is 0 and SHARDWIRE_HEARTBEAT_MS is 30000 (by default)',
  },
  {
    rule: 'the heaps of all workers fit into the memory',
    broken: { SHARDWIRE_HEAP_MB: '2049', SHARDWIRE_WORKERS: '4' },
    kept: { SHARDWIRE_HEAP_MB: '2048', SHARDWIRE_WORKERS: '4' },
    says: 'SHARDWIRE_HEAP_MB is 2049 and SHARDWIRE_WORKERS is 4 and the memory limit is 8589934592',
  },
  {
    rule: 'the write buffer holds a frame',
    broken: { SHARDWIRE_WRITE_BUFFER_BYTES: '4095', SHARDWIRE_MAX_FRAME_BYTES: '4096' },
    kept: { SHARDWIRE_WRITE_BUFFER_BYTES: '4096', SHARDWIRE_MAX_FRAME_BYTES: '4096' },
    says: 'SHARDWIRE_WRITE_BUFFER_BYTES is 4095 and SHARDWIRE_MAX_FRAME_BYTES is 4096',
  },
  {
    rule: 'the buffer budget holds a frame with its overhead, in the block that is lent for it',
    broken: { SHARDWIRE_MAX_BUFFER_BYTES: String(2 * MIB - 1) },
    kept: { SHARDWIRE_MAX_BUFFER_BYTES: String(2 * MIB) },
    says: `SHARDWIRE_MAX_BUFFER_BYTES is ${2 * MIB - 1} and SHARDWIRE_MAX_FRAME_BYTES is ${MIB} (by default)`,
  },
  {
    rule: 'the buffer budget holds the write buffer of one connection',
    broken: { SHARDWIRE_MAX_BUFFER_BYTES: String(4 * MIB), SHARDWIRE_WRITE_BUFFER_BYTES: String(4 * MIB + 1) },
    kept: { SHARDWIRE_MAX_BUFFER_BYTES: String(4 * MIB), SHARDWIRE_WRITE_BUFFER_BYTES: String(4 * MIB) },
    says: `SHARDWIRE_MAX_BUFFER_BYTES is ${4 * MIB} and SHARDWIRE_WRITE_BUFFER_BYTES is ${4 * MIB + 1}`,
  },
  {
    rule: 'the budgets of all workers fit into the memory',
    broken: { SHARDWIRE_MAX_BUFFER_BYTES: String(4 * GIB + 1), SHARDWIRE_WORKERS: '2' },
    kept: { SHARDWIRE_MAX_BUFFER_BYTES: String(4 * GIB), SHARDWIRE_WORKERS: '2' },
    says: `SHARDWIRE_MAX_BUFFER_BYTES is ${4 * GIB + 1} and SHARDWIRE_WORKERS is 2 and the memory limit is ${8 * GIB}`,
  },
  {
    rule: 'the handoff queue leaves descriptors free',
    broken: { SHARDWIRE_HANDOFF_QUEUE: String(65_536 - 63) },
    kept: { SHARDWIRE_HANDOFF_QUEUE: String(65_536 - 64) },
    says: `SHARDWIRE_HANDOFF_QUEUE is ${65_536 - 63} and the limit of open files is 65536`,
  },
]

describe('between options', () => {
  it.each(CASES)('$rule', ({ broken, kept, says }) => {
    expect(messagesOf(kept)).toEqual([])
    const messages = messagesOf(broken)
    expect(messages).toHaveLength(1)
    expect(messages[0]?.startsWith(`${says}: `)).toBe(true)
  })

  it.each(CASES)('the example of a problem mends it: $rule', ({ broken }) => {
    const [name = '', value] = problemsOf(broken)[0]?.example.split('=') ?? []
    expect(messagesOf({ ...broken, [name]: value })).toEqual([])
  })

  it('workers leave descriptors free', () => {
    const machine = { ...MACHINE, descriptorLimit: 256 }
    expect(messagesOf({ SHARDWIRE_WORKERS: '192' }, machine)).toEqual([])
    expect(messagesOf({ SHARDWIRE_WORKERS: '193' }, machine)[0]).toContain('the limit of open files is 256')
  })

  it('every rule is broken by some case', () => {
    const covered = CASES.flatMap(({ broken }) => messagesOf(broken)).map((message) => message.split(': ')[1])
    const uncovered = PAIR_CHECKS.filter(({ why, change }) => change !== 'workers' && !covered.includes(why))
    expect(uncovered).toEqual([])
  })

  it('a value that is bad by itself is not held against another', () => {
    const env = { SHARDWIRE_HEARTBEAT_MS: '10s', SHARDWIRE_IDLE_TIMEOUT_MS: '5000' }
    expect(problemsOf(env).map(({ name }) => name)).toEqual(['SHARDWIRE_HEARTBEAT_MS'])
  })
})

describe('the limits of a listener', () => {
  it('are held against each other, by the name they have in the address', () => {
    const [problem, ...others] = problemsOf({
      SHARDWIRE_LISTEN: 'tcp://h:1,tcp://h:2?heartbeat-ms=9000&idle-timeout-ms=6000',
    })
    expect(others).toEqual([])
    expect(problem).toEqual({
      name: 'SHARDWIRE_LISTEN',
      value: '9000',
      expected: 'heartbeat-ms of tcp://h:2 to be 0 (off), or at most SHARDWIRE_IDLE_TIMEOUT_MS while that is on',
      example: 'SHARDWIRE_LISTEN=tcp://h:2?heartbeat-ms=2000',
      message:
        'heartbeat-ms of tcp://h:2 is 9000 and idle-timeout-ms of tcp://h:2 is 6000: ' +
        'a silent connection would be closed before it is ever asked',
    })
  })

  it('are held against the options', () => {
    const env = { SHARDWIRE_LISTEN: `tcp://h:1?max-frame-bytes=${2 * MIB}` }
    expect(messagesOf(env)[0]).toContain(
      `SHARDWIRE_WRITE_BUFFER_BYTES is ${MIB} (by default) and max-frame-bytes of tcp://h:1 is ${2 * MIB}`,
    )
  })

  it('stand in for an option that would break a rule and is in force nowhere', () => {
    const env = { SHARDWIRE_WRITE_BUFFER_BYTES: '4096', SHARDWIRE_LISTEN: 'tcp://h:1?max-frame-bytes=4096' }
    expect(messagesOf(env)).toEqual([])
  })

  it('that several do not have are reported once', () => {
    const env = { SHARDWIRE_LISTEN: 'tcp://h:1,tcp://h:2,tcp://h:3', SHARDWIRE_HEARTBEAT_MISSES: '0' }
    expect(messagesOf(env)).toHaveLength(1)
  })
})
