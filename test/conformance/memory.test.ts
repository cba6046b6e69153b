/** The conformance cases on the memory store, and what the cases promise about themselves. */
import { expect, test } from 'vitest'
import { MemoryContent, memoryStore } from '../../adapters/memory.ts'
import { cases } from './index.ts'

/** Opens memory stores that keep their content from one opening to the next. */
function memoryStores() {
  const contents = new Map<string, MemoryContent>()
  return async (name: string) => {
    const content = contents.get(name) ?? new MemoryContent()
    contents.set(name, content)
    return memoryStore({ content })
  }
}

for (const { name, run } of cases) test(name, () => run(memoryStores()))

test('every case has a name of its own, and stores that no other case opens', async () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
  const openedBy = new Map<string, string>()
  for (const { name, run } of cases) {
    const open = memoryStores()
    await run((store) => {
      expect(openedBy.get(store) ?? name).toBe(name)
      openedBy.set(store, name)
      return open(store)
    })
  }
})
