/** The part of an audit that holds the index of tags against the jobs, both ways. */
import { nameOf } from '../core/evaluate.ts'
import { STATE_LANES, exactly, jobIdOf } from '../core/keys.ts'
import { ownedKeys } from '../core/owned.ts'
import { type Ledger, readHead } from './ledger.ts'

const PAGE = 500

/** Keys of the index that no job has, and tags of jobs, as these are met in their lanes, that it lacks. */
export async function verifyTags(ledger: Ledger, report: (problem: string) => void): Promise<void> {
  const { store, lanes } = ledger
  for await (const keys of pagesOf(ledger, lanes.tag)) {
    const records = await store.read(keys.map(nameOf))
    for (const [at, key] of keys.entries()) {
      if (
        tagKeysOf(ledger, nameOf(key), records[at])?.includes(key) === false &&
        (await disagrees(ledger, key))
      )
        report(`job ${jobIdOf(nameOf(key))}: the index has a tag that it does not have: ${key}`)
    }
  }
  for (const lane of STATE_LANES) {
    for await (const keys of pagesOf(ledger, lanes[lane])) {
      const records = await store.read(keys.map(nameOf))
      const wanted = keys.flatMap((key, at) => tagKeysOf(ledger, nameOf(key), records[at]) ?? [])
      if (wanted.length === 0) continue
      const found = await store.scan(wanted.map((key) => ({ ...exactly(lanes.tag, key), limit: 1 })))
      for (const [at, key] of wanted.entries()) {
        if (found[at]!.length === 0 && (await disagrees(ledger, key)))
          report(`job ${jobIdOf(nameOf(key))}: the index lacks its tag: ${key}`)
      }
    }
  }
}

/** Whether it is so at a second look: a job that comes or goes meanwhile is none to speak of. */
async function disagrees(ledger: Ledger, key: string): Promise<boolean> {
  const { store, lanes } = ledger
  const [[record], [found = []]] = await Promise.all([
    store.read([nameOf(key)]),
    store.scan([{ ...exactly(lanes.tag, key), limit: 1 }]),
  ])
  const says = tagKeysOf(ledger, nameOf(key), record)
  return says !== undefined && says.includes(key) !== found.length > 0
}

async function* pagesOf({ store }: Ledger, lane: string): AsyncGenerator<readonly string[]> {
  for (let from: string | undefined; ; ) {
    const [keys = []] = await store.scan([{ lane, from, limit: PAGE }])
    if (keys.length === 0) return
    yield keys
    from = `${keys.at(-1)}!`
  }
}

/** The keys that the index must have of a job; `undefined` where its record cannot be read. */
function tagKeysOf({ lanes }: Ledger, name: string, record: string | undefined): string[] | undefined {
  if (record === undefined) return []
  const { head } = readHead(record)
  return head && ownedKeys(lanes, name, head).map(([, key]) => key)
}
