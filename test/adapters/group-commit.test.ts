/** Group commit on its own: who rides with whom, in which order, and who is answered what. */
import { expect, test } from 'vitest'
import { type Answer, GroupCommit } from '../../adapters/group-commit.ts'
import { HoldfastError } from '../../src/error.ts'
import type { Change } from '../../src/store.ts'

/** A writer that notes the names of the calls of each group, and answers a group once it is let go. */
function writer(answer: (name: string) => Answer = () => [[]]) {
  const groups: string[][] = []
  const waiting: (() => void)[] = []
  const write = async (calls: readonly (readonly Change[])[]): Promise<readonly Answer[]> => {
    const names = calls.map(nameOf)
    groups.push(names)
    await new Promise<void>((resolve) => waiting.push(resolve))
    return names.map(answer)
  }
  return { groups, write, letGo: () => waiting.shift()!() }
}

const call = (name: string, operations = 1): readonly Change[] => [
  { delete: Array.from({ length: operations }, () => name) },
]
const nameOf = (changes: readonly Change[]): string => changes[0]!.delete![0]!
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

test('calls of one tick are one group, calls made meanwhile the next', async () => {
  const { groups, write, letGo } = writer()
  const group = new GroupCommit(write)
  const first = [group.commit(call('a')), group.commit(call('b'))]
  await turn()
  const second = [group.commit(call('c')), group.commit(call('d'))]
  await turn()
  expect(groups).toEqual([['a', 'b']])
  letGo()
  await Promise.all(first)
  await turn()
  letGo()
  await Promise.all(second)
  expect(groups).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('callers that were just answered join the group of those who waited', async () => {
  const { groups, write, letGo } = writer()
  const group = new GroupCommit(write)
  const again = (async () => {
    await group.commit(call('a'))
    await Promise.resolve()
    await group.commit(call('a2'))
  })()
  await turn()
  const waited = group.commit(call('b'))
  letGo()
  await turn()
  letGo()
  await Promise.all([again, waited])
  expect(groups).toEqual([['a'], ['b', 'a2']])
})

test('where many wait, the next group is under way before the callers of the last one go on', async () => {
  const { groups, write, letGo } = writer()
  const group = new GroupCommit(write)
  const seen = group.commit(call('a')).then(() => groups.length)
  await turn()
  const crowd = group.commit(call('b', 100))
  await turn()
  expect(groups).toEqual([['a']])
  letGo()
  expect(await seen).toBe(2)
  letGo()
  await crowd
})

test('where groups may be abreast, a crowd is not kept waiting, and few wait for all that is under way', async () => {
  const { groups, write, letGo } = writer()
  const group = new GroupCommit(write, { operations: 100, bytes: 10_000, abreast: 2 })
  const answered: string[] = []
  const ask = (name: string, operations?: number) =>
    group.commit(call(name, operations)).then(() => answered.push(name))
  const all = [ask('a')]
  await turn()
  all.push(ask('b'))
  await turn()
  expect(groups).toEqual([['a']])
  all.push(ask('c', 99), ask('d', 100), ask('e'))
  await turn()
  expect(groups).toEqual([['a'], ['b', 'c']])
  letGo()
  await turn()
  expect(groups).toEqual([['a'], ['b', 'c'], ['d']])
  letGo()
  await turn()
  expect(answered).toEqual(['a', 'b', 'c'])
  expect(groups).toHaveLength(3)
  letGo()
  await turn()
  expect(groups).toEqual([['a'], ['b', 'c'], ['d'], ['e']])
  letGo()
  await Promise.all(all)
  await group.idle()
})

test('a group stays within its bounds, and a call is never split', async () => {
  const { groups, write, letGo } = writer()
  const group = new GroupCommit(write, { operations: 10, bytes: 60 })
  const all = [call('a', 4), call('b', 6), call('c'), call('long'.repeat(20)), call('d', 12), call('e')]
  const done = Promise.all(all.map((changes) => group.commit(changes)))
  for (let index = 0; index < 5; index++) {
    await turn()
    letGo()
  }
  await done
  expect(groups).toEqual([['a', 'b'], ['c'], ['long'.repeat(20)], ['d'], ['e']])
})

test('a malformed call joins no group', async () => {
  const { groups, write, letGo } = writer()
  const group = new GroupCommit(write)
  const refused = group.commit([{ delete: ['a space'] }])
  const good = group.commit(call('a'))
  await expect(refused).rejects.toMatchObject({ code: 'UNIT_INVALID', outcome: 'failed' })
  await turn()
  letGo()
  expect(await good).toEqual([[]])
  expect(groups).toEqual([['a']])
})

test('each call gets its own answer; an error is its alone', async () => {
  const bad = new HoldfastError('UNIT_INVALID', 'not new')
  const { write, letGo } = writer((name) => (name === 'bad' ? bad : [false]))
  const group = new GroupCommit(write)
  const answers = Promise.allSettled([group.commit(call('a')), group.commit(call('bad'))])
  await turn()
  letGo()
  expect(await answers).toEqual([
    { status: 'fulfilled', value: [false] },
    { status: 'rejected', reason: bad },
  ])
})

test('a group that cannot be written rejects all its calls and no later one', async () => {
  let full = true
  const group = new GroupCommit(async (calls) => {
    if (full) throw new Error('full')
    return calls.map(() => [[]])
  })
  const answers = await Promise.allSettled([group.commit(call('a')), group.commit(call('b'))])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  full = false
  expect(await group.commit(call('c'))).toEqual([[]])
})

test('idle waits for every call so far', async () => {
  const { write, letGo } = writer()
  const group = new GroupCommit(write)
  await group.idle()
  let done = false
  const answered = group.commit(call('a')).then(() => (done = true))
  const idle = group.idle().then(() => expect(done).toBe(true))
  await turn()
  letGo()
  await Promise.all([idle, answered])
})

test('a call that comes alone is told of, and waited with for the calls that come of that', async () => {
  const { groups, write, letGo } = writer()
  const foretold: string[] = []
  const answers: Promise<unknown>[] = []
  const group: GroupCommit = new GroupCommit(write, undefined, (changes) => {
    foretold.push(nameOf(changes))
    if (nameOf(changes) !== 'added') return false
    const look = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      await group.commit(call('looked'))
    }
    answers.push(look())
    return true
  })
  answers.push(group.commit(call('added')))
  await turn()
  expect(groups).toEqual([['added', 'looked']])
  // Calls that come together have company.
  answers.push(group.commit(call('added')), group.commit(call('other')))
  letGo()
  await turn()
  letGo()
  await Promise.all(answers)
  expect(groups.slice(1)).toEqual([['added', 'other']])
  expect(foretold).toEqual(['added'])
})
