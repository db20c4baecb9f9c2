import { expect, test } from 'vitest'
import net from 'node:net'
import { once } from 'node:events'
import process from 'node:process'
import { spawn } from 'node:child_process'

import { slabBytes } from '../../src/observe/kernel-memory.ts'
import { commandOf, machineCpu, proportionalBytesOf, usageOf } from '../../src/observe/proc-files.ts'
import { isLoopback, serverProcesses, withDescendants } from '../../src/observe/server-processes.ts'
import { WatchedGroup } from '../../src/observe/watched-group.ts'

const SLABINFO = `slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables ... : slabdata ...
TCPv6                 26     26   2496   13    8 : tunables    0    0    0 : slabdata      2      2      0
TCP                  109    143   2368   13    8 : tunables    0    0    0 : slabdata     11     11      0
request_sock_TCP     144    192    320   12    1 : tunables    0    0    0 : slabdata     16     16      0
filp                2005   2121    192   21    1 : tunables    0    0    0 : slabdata    101    101      0
`

test('slabs are counted in whole pages, and only those of open connections', () => {
  expect(slabBytes(SLABINFO)).toBe((2 * 8 + 11 * 8 + 101) * 4096)
  expect(slabBytes(null)).toBe(null)
})

test('addresses of this machine', () => {
  expect(['127.0.0.1', '127.9.8.7', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true)
  expect(['10.0.0.1', '::', '0.0.0.0'].some(isLoopback)).toBe(false)
})

test.runIf(process.platform === 'linux')('the server is found by its port, with what it started', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
  await once(child, 'spawn')
  const found = serverProcesses(['127.0.0.1'], port)
  expect(found).toContain(process.pid)
  expect(found).toContain(child.pid)
  expect(serverProcesses(['10.0.0.1'], port)).toEqual([])
  child.stdin.end()
  await once(child, 'exit')
  expect(withDescendants([process.pid])).not.toContain(child.pid)
  server.close()
  await once(server, 'close')
  expect(serverProcesses(['127.0.0.1'], port)).toEqual([])
})

test.runIf(process.platform === 'linux')('what a process uses is what it says itself', () => {
  const usage = usageOf(process.pid)
  const own = process.cpuUsage()
  expect(usage?.residentBytes).toBeGreaterThan(10_000_000)
  expect(Math.abs((usage?.cpuUs ?? 0) - own.user - own.system)).toBeLessThan(1_000_000)
  expect(proportionalBytesOf(process.pid)).toBeGreaterThan(1_000_000)
  expect(commandOf(process.pid)).toContain('node')
  const machine = machineCpu()
  expect(machine?.allUs).toBeGreaterThan(machine?.busyUs ?? Infinity)
  expect(usageOf(0)).toBe(null)
})

test.runIf(process.platform === 'linux')('a group counts the CPU of those that stayed', () => {
  const group = new WatchedGroup([process.pid], 0)
  const began = process.cpuUsage()
  while (process.cpuUsage(began).user < 50_000) Math.sqrt(2)
  const used = group.look(100_000)
  expect(used.processes).toBe(1)
  expect(used.cores).toBeGreaterThan(0.3)
  group.set([process.pid, 0])
  expect(group.look(100_000).cores).toBe(0)
})
