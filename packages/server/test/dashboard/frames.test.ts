import {
  KIND_CONTROL,
  KIND_NAMES,
  KIND_REQUEST,
  OPCODE_GOAWAY,
  OPCODE_HELLO,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_WELCOME,
} from '@shardwire/protocol'
import { describe, expect, it } from 'vitest'
import { KINDS, kindText, OPCODES, routeText } from '../../src/dashboard/frames.ts'

describe('the names of frames in the page', () => {
  it('are those of the protocol', () => {
    expect(KINDS).toEqual(KIND_NAMES)
    expect(OPCODES[OPCODE_PING]).toBe('PING')
    expect(OPCODES[OPCODE_PONG]).toBe('PONG')
    expect(OPCODES[OPCODE_HELLO]).toBe('HELLO')
    expect(OPCODES[OPCODE_WELCOME]).toBe('WELCOME')
    expect(OPCODES[OPCODE_GOAWAY]).toBe('GOAWAY')
  })

  it('tell control frames by their opcode, and what is no frame as that', () => {
    expect(kindText({ kind: KIND_CONTROL, route: OPCODE_HELLO, id: 0, bytes: 10 })).toBe('HELLO')
    expect(kindText({ kind: KIND_CONTROL, route: 40, id: 0, bytes: 10 })).toBe('CONTROL 40')
    expect(kindText({ kind: KIND_REQUEST, route: 1, id: 0, bytes: 10 })).toBe('REQUEST')
    expect(kindText({ broken: '474554' })).toBe('no frame')
    const routes = new Map([[1, 'echo']])
    expect(routeText({ kind: KIND_REQUEST, route: 1, id: 0, bytes: 10 }, routes)).toBe('1 echo')
    expect(routeText({ kind: KIND_REQUEST, route: 9, id: 0, bytes: 10 }, routes)).toBe('9')
    expect(routeText({ kind: KIND_CONTROL, route: 1, id: 0, bytes: 10 }, routes)).toBe('')
    expect(routeText({ broken: '47' }, routes)).toBe('')
  })
})
