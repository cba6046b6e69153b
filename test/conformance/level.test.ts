/** The conformance cases on LevelDB, in directories of their own, with the durability that needs no disk flush. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, test } from 'vitest'
import { levelStore } from '../../adapters/level.ts'
import { cases } from './index.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-conformance-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const open = async (name: string) => levelStore(join(folder, name), { durability: 'process' })

for (const { name, run } of cases) test(name, () => run(open))
