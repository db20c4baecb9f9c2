/** Owns the tests of the page's files, without a browser: all that it names is there, and nothing else is. */
import { type Daemon, startDaemon } from '@shardwire/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

describe('the files of the dashboard', () => {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDaemon({
      SHARDWIRE_ADMIN: 'http://127.0.0.1:0',
      SHARDWIRE_ADMIN_READ: 'token',
      SHARDWIRE_ADMIN_TOKEN: 'a-token-that-may-act',
      SHARDWIRE_WORKERS: '1',
    })
  })
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
  })

  it('are all there, need no token, and name no other place', async () => {
    const types: Record<string, number> = {}
    const seen = new Set<string>()
    const wanted = [new URL('/', daemon.admin).href]
    for (let url = wanted.pop(); url !== undefined; url = wanted.pop()) {
      if (seen.has(url)) continue
      seen.add(url)
      const response = await fetch(url)
      expect({ url, status: response.status }).toEqual({ url, status: 200 })
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
      const type = response.headers.get('content-type') ?? ''
      types[type] = (types[type] ?? 0) + 1
      const text = await response.text()
      const isModule = type.startsWith('text/javascript') && !url.includes('uPlot')
      const pattern = isModule ? /(?:from|import) '(\.[^']+)'/g : /(?:src|href)="([^"#]+)"/g
      for (const [, name = ''] of text.matchAll(pattern)) wanted.push(new URL(name, url).href)
    }
    expect([...seen].filter((url) => !url.startsWith(`${daemon.admin}/`))).toEqual([])
    expect(types).toMatchObject({ 'text/html; charset=utf-8': 1, 'text/css; charset=utf-8': 2, 'image/svg+xml': 1 })
    expect(types['text/javascript; charset=utf-8']).toBeGreaterThan(20)
  })

  it('are the only ones', async () => {
    for (const path of [
      '/assets/',
      '/assets/admin/routes.js',
      '/assets/dashboard/main.js.map',
      '/assets/dashboard/..%2fmain.js',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/index.html',
    ]) {
      expect({ path, status: (await fetch(daemon.admin + path)).status }).toEqual({ path, status: 404 })
    }
  })

  it('come with what tells whether acting is possible, to who may read', async () => {
    const ask = async (method: string, token: string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${token}` }
      const response = await fetch(`${daemon.admin}/api/access`, { method, headers })
      return response.ok ? await response.json() : response.status
    }
    expect(await ask('GET', 'guessed-guessed-guessed')).toBe(401)
    expect(await ask('GET', 'a-token-that-may-act')).toEqual({ canAct: true })
    expect(await ask('POST', 'guessed-guessed-guessed')).toBe(401)
    expect(await ask('POST', 'a-token-that-may-act')).toEqual({ canAct: true })
  })
})
