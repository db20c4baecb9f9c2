/** Owns the tests of the way from environment to values, on a table of its own with a secret in it. */
import { describe, expect, it } from 'vitest'
import { computed, fixed, type OptionTable } from '../../src/config/option.ts'
import { isSet, readOptions, type Environment, type ReadFile } from '../../src/config/read-options.ts'
import { count, path } from '../../src/config/value-kinds.ts'
import { MACHINE } from './machines.ts'

const TABLE: OptionTable = {
  size: {
    name: 'SHARDWIRE_SIZE',
    kind: count({ min: 1, max: 9 }),
    fallback: computed('one per core', (machine) => machine.cores),
    meaning: 'Size.',
    example: '2',
  },
  double: {
    name: 'SHARDWIRE_DOUBLE',
    kind: count({ min: 1, max: 99 }),
    fallback: computed('twice the size', (_, above) => 2 * Number(above['size'])),
    meaning: 'Double.',
    example: '4',
  },
  token: {
    name: 'SHARDWIRE_TOKEN',
    kind: path('a token'),
    fallback: fixed(null, 'none'),
    meaning: 'Token.',
    example: 'abc',
    secret: true,
  },
}

function read(env: Environment, readFile?: ReadFile) {
  return readOptions(TABLE, env, MACHINE, readFile)
}

describe('a value', () => {
  it('comes from its variable, without the blanks around it', () => {
    const { values, sources } = read({ SHARDWIRE_SIZE: ' 7\r\n' })
    expect([values['size'], sources['size']]).toEqual([7, 'environment'])
  })

  it.each([undefined, '', '  ', '\t\n'])('is the default when its variable is %j', (text) => {
    const { values, sources, problems } = read({ SHARDWIRE_SIZE: text })
    expect([values['size'], sources['size'], problems]).toEqual([4, 'computed', []])
  })

  it('can be computed from a row above that was set', () => {
    expect(read({ SHARDWIRE_SIZE: '3' }).values['double']).toBe(6)
  })

  it('is the default beside the problem when what was set is bad', () => {
    const { values, problems } = read({ SHARDWIRE_SIZE: 'ten' })
    expect(values['size']).toBe(4)
    expect(problems).toEqual([
      {
        name: 'SHARDWIRE_SIZE',
        value: '"ten"',
        expected: 'a whole number from 1 to 9',
        example: 'SHARDWIRE_SIZE=2',
        message: 'SHARDWIRE_SIZE is "ten", which is not a plain whole number',
      },
    ])
  })

  it('that holds control characters does not carry them into the problem', () => {
    expect(read({ SHARDWIRE_SIZE: '\u001b[2J' }).problems[0]?.message).toContain(String.raw`"\u001b[2J"`)
  })
})

describe('a secret', () => {
  it('comes from its variable as it is', () => {
    expect(read({ SHARDWIRE_TOKEN: ' s3cret ' }).values['token']).toBe(' s3cret ')
  })

  it('comes from a file, without the line break at its end', () => {
    const { values, sources } = read({ SHARDWIRE_TOKEN_FILE: '/run/token' }, (file) => `${file} s3cret\n`)
    expect([values['token'], sources['token']]).toEqual(['/run/token s3cret', 'file'])
  })

  it('is not shown when it is bad, from either place', () => {
    const bad = 'https://s3cret'
    const fromFile = read({ SHARDWIRE_TOKEN_FILE: '/run/token' }, () => bad).problems
    for (const problems of [read({ SHARDWIRE_TOKEN: bad }).problems, fromFile]) {
      expect(problems[0]?.message).toBe('SHARDWIRE_TOKEN is (not shown), which is not the path of a token')
      expect(JSON.stringify(problems)).not.toContain('s3cret')
    }
  })

  it('set in both places is a problem that shows neither', () => {
    const { problems } = read({ SHARDWIRE_TOKEN: 's3cret', SHARDWIRE_TOKEN_FILE: '/run/token' }, () => 's3cret')
    expect(problems.map(({ message }) => message)).toEqual([
      'SHARDWIRE_TOKEN_FILE is "/run/token", which is set together with SHARDWIRE_TOKEN: only one of them may be',
    ])
  })

  it('in a file that cannot be read is a problem with the code of the system', () => {
    const readFile = () => {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    }
    const { problems } = read({ SHARDWIRE_TOKEN_FILE: '/nowhere' }, readFile)
    expect(problems[0]?.message).toBe('SHARDWIRE_TOKEN_FILE is "/nowhere", which cannot be read (ENOENT)')
  })

  it('in an empty file is a problem', () => {
    const { problems } = read({ SHARDWIRE_TOKEN_FILE: '/run/token' }, () => '\n')
    expect(problems[0]?.message).toBe('SHARDWIRE_TOKEN_FILE is "/run/token", which is empty')
  })
})

it('blanks alone do not set a variable', () => {
  expect([undefined, '', ' ', '0'].map(isSet)).toEqual([false, false, false, true])
})
