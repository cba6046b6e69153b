/** Conformance: records are set, read and deleted by id, and every well-formed string is a value. */
import { equal } from './assert.ts'
import { concern, fill, lanesHold, put } from './stage.ts'

/** Names that a store which keeps its content in plain objects, files or patterns may trip over. */
const TRAPS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '.',
  '..',
  '*',
  '%00',
  '\\',
  '"',
  '0',
]

/** Names that differ only in case, punctuation, length or a trailing character. */
const NEIGHBOURS = ['job', 'Job', 'JOB', 'job!', 'job-', 'job_', 'job~', 'job/', '/job', 'jobs', 'jo', 'j']

export const recordCases = concern('records', {
  'A record that was set reads back, an absent one as undefined': async ({ store }) => {
    await put(store, { a: 'one' })
    equal(await store.read(['a', 'b']), ['one', undefined], 'the records a and b')
  },

  'Records are read in the order asked, one asked twice twice, none where none is asked': async ({
    store,
  }) => {
    await put(store, { a: '1', b: '2', c: '3' })
    equal(await store.read(['c', 'x', 'a', 'c', 'b']), ['3', undefined, '1', '3', '2'], 'the records asked')
    equal(await store.read([]), [], 'no records')
  },

  'An empty string is a value': async ({ store }) => {
    await put(store, { empty: '' })
    equal(await store.read(['empty']), [''], 'the empty record')
    const judged = await store.commit([
      { expect: { absent: ['empty'] } },
      { expect: { equal: [['empty', '']] } },
      { expect: { equal: [['missing', '']] } },
    ])
    equal(
      judged,
      [false, [], false],
      'absent, equal to the empty string, absent record equal to the empty string',
    )
  },

  'Setting a record again replaces its value; of two values in one change the later counts': async ({
    store,
  }) => {
    await put(store, { a: 'long enough to be shortened' })
    await put(store, { a: 'b' })
    equal(await store.read(['a']), ['b'], 'the record after a second set')
    const twice = [
      ['a', 'first'],
      ['a', 'second'],
    ] as const
    await store.commit([{ set: twice }])
    equal(await store.read(['a']), ['second'], 'the record set twice by one change')
  },

  'A change that sets and deletes a record leaves none': async ({ store }) => {
    const change = { set: [['a', 'new']], delete: ['a'] } as const
    equal(await store.commit([change]), [[]], 'the result')
    equal(await store.read(['a']), [undefined], 'the record')
  },

  'Deleting an absent record is no failure': async ({ store }) => {
    equal(await store.commit([{ delete: ['a', 'a', 'b'], set: [['c', '1']] }]), [[]], 'the result')
    equal(await store.read(['a', 'b', 'c']), [undefined, undefined, '1'], 'the records')
  },

  'A deleted record is absent, and can be set again': async ({ store }) => {
    await put(store, { a: '1', b: '2' })
    await store.commit([{ delete: ['a'] }])
    equal(await store.read(['a', 'b']), [undefined, '2'], 'after the delete')
    equal(await store.commit([{ expect: { absent: ['a'] }, set: [['a', '3']] }]), [[]], 'setting it again')
    equal(await store.read(['a', 'b']), ['3', '2'], 'after it was set again')
  },

  'A value keeps every character: NUL, line ends, a leading byte order mark, astral planes': async ({
    store,
    reopen,
  }) => {
    const values = {
      nul: 'a\0b\0',
      lines: 'a\r\nb\n\tc\u2028d ',
      mark: '\ufeffbegins with a byte order mark',
      planes: 'é Ж 漢 😀 \u{10ffff} \uffff',
      json: '{"a":[null,"\\u0000"]}',
      word: 'undefined',
    }
    await put(store, values)
    equal(await store.read(Object.keys(values)), Object.values(values), 'the values')
    const held = await store.commit([{ expect: { equal: Object.entries(values) } }])
    equal(held, [[]], 'the values as expectations')
    const reopened = await reopen()
    equal(await reopened.read(Object.keys(values)), Object.values(values), 'the values after reopening')
  },

  'Ids, lanes and keys that mean something to a language or a file system are plain text': async ({
    store,
  }) => {
    equal(
      await store.read(TRAPS),
      TRAPS.map(() => undefined),
      'the records of an empty store',
    )
    equal(
      await store.count(TRAPS.map((lane) => ({ lane }))),
      TRAPS.map(() => 0),
      'the lanes of an empty store',
    )
    await store.commit([
      {
        set: TRAPS.map((id) => [id, `value of ${id}`] as const),
        add: TRAPS.map((name) => [name, name] as const),
      },
    ])
    equal(
      await store.read(TRAPS),
      TRAPS.map((id) => `value of ${id}`),
      'the records',
    )
    for (const lane of TRAPS) await lanesHold(store, { [lane]: [lane] }, `the lane ${lane}`)
  },

  'Ids that differ in case, punctuation or length are different records': async ({ store }) => {
    await store.commit([{ set: NEIGHBOURS.map((id) => [id, id] as const) }])
    await store.commit([{ delete: ['job', 'jo'] }])
    const expected = NEIGHBOURS.map((id) => (id === 'job' || id === 'jo' ? undefined : id))
    equal(await store.read(NEIGHBOURS), expected, 'the records left')
  },

  'A record and a lane of one name do not touch each other': async ({ store }) => {
    await put(store, { a: 'record' })
    await fill(store, 'a', ['a', 'b'])
    await store.commit([{ delete: ['a'] }])
    await lanesHold(store, { a: ['a', 'b'] }, 'the lane after the record was deleted')
    await put(store, { a: 'again', b: 'other' })
    await store.commit([
      {
        remove: [
          ['a', 'a'],
          ['a', 'b'],
        ],
      },
    ])
    equal(await store.read(['a', 'b']), ['again', 'other'], 'the records after the keys were removed')
  },
})
