/** Owns the tests of the request itself, as the worker uses it: placed, asked, placed again. */
import { describe, expect, it } from 'vitest'
import { RequestContext, type RequestScope } from '../../src/service/request-context.ts'

const MEMORY = Buffer.from('..the body..')
const TEXT = Buffer.from('the body')

const SCOPE: RequestScope<unknown> = {
  connectionOf: () => {
    throw new Error('nobody is connected')
  },
  requestTimeoutMs: 1000,
  exactNowMs: () => 0,
}

function placed(isBytes = true): RequestContext {
  const request = new RequestContext(SCOPE)
  request.place(Buffer.from(MEMORY), 2, 10, isBytes)
  return request
}

describe('bytes', () => {
  it('are the memory they came in, as a plain Uint8Array: a slice of them is a copy', () => {
    const { memory, bytes } = (({ memory: all, bytes: view }) => ({ memory: all, bytes: view }))(placed())
    const slice = bytes.slice()
    expect([Buffer.isBuffer(bytes), bytes.buffer === memory.buffer]).toEqual([false, true])
    memory.fill(0)
    expect([Buffer.from(slice), Buffer.from(bytes)]).toEqual([TEXT, Buffer.alloc(8)])
  })
})

describe('keep', () => {
  it('is a copy that stays when the memory is read into again', () => {
    const request = placed()
    const kept = request.keep()
    request.memory.fill(0)
    expect([Buffer.from(kept), Buffer.isBuffer(kept)]).toEqual([TEXT, false])
  })

  it('is another copy each time, and none is the memory of an async handler’s own body', () => {
    const request = placed()
    const copies = [request.keep(), request.keep()]
    request.keepBody()
    copies.push(request.keep())
    for (const copy of copies) copy.fill(0)
    expect(Buffer.from(request.bytes)).toEqual(TEXT)
  })

  it.each([0, 1, 32, 33, 4096, 100_000])('holds %i bytes', (bytes) => {
    const request = new RequestContext(SCOPE)
    const memory = Uint8Array.from({ length: bytes + 5 }, (_, at) => at % 251)
    request.place(memory, 5, bytes + 5, true)
    expect(Buffer.compare(request.keep(), memory.subarray(5))).toBe(0)
  })

  it('is empty where the body is not bytes, as `bytes` is', () => {
    expect([placed(false).keep().length, placed(false).bytes.length]).toEqual([0, 0])
  })
})

describe('a request that is returned, spread or logged as a whole', () => {
  it('shows nothing of the memory that bodies of everybody stand in', () => {
    const request = placed()
    const shown = JSON.stringify(Object.fromEntries(Object.entries(request)))
    expect(Object.keys(request).sort()).toEqual(['metadata', 'route', 'wantsAnswer'])
    expect(shown).toBe('{"route":"","wantsAnswer":false}')
  })
})
