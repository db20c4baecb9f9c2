/**
 * When the bootstrap installs and when it does not.
 */
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ensureInstalled, installStamp } from '../bootstrap/install.mjs'
import { StepFailed } from '../bootstrap/report.mjs'
import { WorkspaceDirectory } from './bootstrap-home.ts'

describe('the install stamp', () => {
  it.each([
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'package.json',
    'packages/server/package.json',
    'packages/new/package.json',
  ])('changes with %s', (path) => {
    using workspace = new WorkspaceDirectory()
    const before = installStamp(workspace.root)
    workspace.write(path, 'changed')
    expect(installStamp(workspace.root)).not.toBe(before)
  })

  it('does not change with a source file', () => {
    using workspace = new WorkspaceDirectory()
    const before = installStamp(workspace.root)
    workspace.write('packages/server/src/index.ts', 'changed')
    expect(installStamp(workspace.root)).toBe(before)
  })

  it('changes when text moves from one file to the next', () => {
    using workspace = new WorkspaceDirectory()
    workspace.write('packages/a/package.json', 'one two')
    workspace.write('packages/b/package.json', '')
    const before = installStamp(workspace.root)
    workspace.write('packages/a/package.json', 'one ')
    workspace.write('packages/b/package.json', 'two')
    expect(installStamp(workspace.root)).not.toBe(before)
  })

  it('is the same for the same files in another directory', () => {
    using one = new WorkspaceDirectory()
    using other = new WorkspaceDirectory()
    expect(installStamp(one.root)).toBe(installStamp(other.root))
  })
})

/** An install that counts its runs instead of asking pnpm. */
function countingInstall(workspace: WorkspaceDirectory): { runs: number; install: () => Promise<void> } {
  const counter = {
    runs: 0,
    install: async (): Promise<void> => {
      counter.runs++
      if (counter.runs === 1) workspace.writePinnedNode()
    },
  }
  return counter
}

describe('ensureInstalled', () => {
  it('installs once, and again only after something changed', async () => {
    using workspace = new WorkspaceDirectory()
    const counter = countingInstall(workspace)
    await ensureInstalled(workspace.root, counter.install)
    await ensureInstalled(workspace.root, counter.install)
    expect(counter.runs).toBe(1)
    workspace.write('pnpm-lock.yaml', 'changed')
    await ensureInstalled(workspace.root, counter.install)
    await ensureInstalled(workspace.root, counter.install)
    expect(counter.runs).toBe(2)
  })

  it('leaves no stamp when the install fails, so that the next command tries again', async () => {
    using workspace = new WorkspaceDirectory()
    const failing = ensureInstalled(workspace.root, () => Promise.reject(new StepFailed('no network')))
    await expect(failing).rejects.toThrow('no network')
    expect(existsSync(join(workspace.root, 'node_modules'))).toBe(false)
  })

  it('says what is missing when the install brought no Node', async () => {
    using workspace = new WorkspaceDirectory()
    const failing = ensureInstalled(workspace.root, () => Promise.resolve())
    await expect(failing).rejects.toThrow(/left no node_modules\/node\/bin\/node.*try again/)
    await expect(failing).rejects.toThrow(StepFailed)
  })

  it.each(['node_modules', 'packages/server/node_modules'])('installs nothing through a link: %s', async (path) => {
    using other = new WorkspaceDirectory()
    other.writePinnedNode()
    using workspace = new WorkspaceDirectory()
    symlinkSync(join(other.root, 'node_modules'), join(workspace.root, path))
    const counter = countingInstall(workspace)
    const failing = ensureInstalled(workspace.root, counter.install)
    await expect(failing).rejects.toThrow(`${path} is a symbolic link`)
    await expect(failing).rejects.toThrow(StepFailed)
    expect(counter.runs).toBe(0)
  })

  it('takes a link that leads nowhere for one too', async () => {
    using workspace = new WorkspaceDirectory()
    symlinkSync(join(workspace.root, 'nothing'), join(workspace.root, 'node_modules'))
    await expect(ensureInstalled(workspace.root)).rejects.toThrow('to nowhere')
  })
})

it('is for the Node that is pinned, whichever runs pnpm: else it leaves out what wants a newer one', () => {
  const root = join(import.meta.dirname, '../..')
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: { node: string } }
  const [, installedFor] = /^nodeVersion: (.*)$/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')) ?? []
  expect(installedFor).toBe(manifest.devDependencies.node)
})
