/** Who intervened in a queue, and why. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Queue } from 'holdfast'
import { AUDIT_BYTES } from '../../src/core/bounds.ts'
import { type AuditAction, decodeAudit, encodeAudit } from '../../src/core/audit.ts'
import { stage } from '../stage/stage.ts'

test('each intervention leaves a line, the newest first', async () => {
  const { host, queue, worker, store } = stage()
  const letters = new Queue('dead', { store })
  const who = { by: 'ada', reason: 'on call' }
  await queue.pause(who)
  await queue.resume({ by: 'bob' })
  await queue.add('n', 1, { jobId: 'a' })
  await queue.add('n', 1, { jobId: 'b', delay: 5000 })
  await queue.cancel('a', 'not wanted', { by: 'ada' })
  await (await queue.getJob('a'))!.retry(who)
  await queue.promoteJobs(who)
  await queue.remove('b', who)
  await queue.drain(false, who)
  worker(() => Promise.reject(new Error('no')))
  await queue.add('n', 1)
  await queue.add('n', 1, { deadLetter: 'dead' })
  await host.idle()
  await queue.retryJobs(who)
  await host.idle()
  await letters.redrive({ count: 1, ...who })
  await host.idle()
  await queue.clean(0, 0, 'failed', who)
  const at = host.wall()
  expect(
    (await queue.audit()).map(({ action, id, count, by }) => [action, id ?? count, by].join(' ')),
  ).toEqual([
    'clean 1 ada',
    'retryJobs 1 ada',
    'drain 1 ada',
    'remove b ada',
    'promoteJobs 1 ada',
    'retry a ada',
    'cancel a ada',
    'resume  bob',
    'pause  ada',
  ])
  expect(await queue.audit({ limit: 1 })).toEqual([{ at, action: 'clean', count: 1, ...who }])
  expect((await queue.audit())[6]).toEqual({ at, action: 'cancel', id: 'a', by: 'ada', reason: 'not wanted' })
  expect(await letters.audit()).toEqual([{ at, action: 'redrive', count: 1, ...who }])
})

test('what did nothing leaves none', async () => {
  const { queue } = stage()
  await queue.remove('nobody', { by: 'ada' })
  await queue.cancel('nobody')
  await queue.resume()
  await queue.drain()
  await queue.retryJobs()
  await queue.redrive()
  await queue.promoteJobs()
  await queue.clean(0)
  expect(await queue.audit()).toEqual([])
})

test('a job that is cancelled while it runs leaves one line, by force another', async () => {
  const { host, queue, worker } = stage()
  worker(() => new Promise(() => undefined))
  await queue.add('n', 1, { jobId: 'j' })
  await host.idle()
  await queue.cancel('j', 'one')
  await queue.cancel('j', 'again')
  await queue.cancel('j', 'now', { force: true })
  expect((await queue.audit()).map(({ reason }) => reason)).toEqual(['now', 'one'])
})

test('nobody has to say who or why', async () => {
  const { host, queue } = stage()
  await queue.pause()
  expect(await queue.audit()).toEqual([{ at: host.wall(), action: 'pause' }])
})

test('the newest thousand are kept, and obliterate leaves them and its own', async () => {
  const { queue } = stage()
  for (let n = 0; n < 520; n++) {
    await queue.pause({ reason: `${n}` })
    await queue.resume()
  }
  const lines = await queue.audit({ limit: 1000 })
  expect(lines).toHaveLength(1000)
  expect(lines[1]).toMatchObject({ action: 'pause', reason: '519' })
  await queue.add('n', 1)
  await queue.obliterate({ by: 'ada' })
  expect(await queue.audit({ limit: 2 })).toMatchObject([
    { action: 'obliterate', by: 'ada' },
    { action: 'resume' },
  ])
})

test('what is wrong is refused before anything is done', async () => {
  const { queue, dump } = stage()
  for (const wrong of [
    { by: '' },
    { by: 7 },
    { by: 'é'.repeat(65) },
    { reason: 'x'.repeat(1025) },
    { who: 'ada' },
  ])
    await expect(queue.pause(wrong as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(queue.audit({ limit: 0 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  expect(dump().records.size).toBe(0)
})

test('a line is a key however hostile its texts are, and is read as it was, but for a reason that is too long', () => {
  const text = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((one) => one.isWellFormed())
  fc.assert(
    fc.property(
      text,
      text,
      fc.nat(),
      fc.constantFrom<AuditAction>('remove', 'clean'),
      (by, reason, at, action) => {
        const line = { at, action, id: reason, count: at, by, reason }
        const key = encodeAudit(line)
        expect(key).toMatch(/^[\x21-\x2e\x30-\x7e]+$/)
        expect(key.length).toBeLessThanOrEqual(AUDIT_BYTES)
        const { reason: read, ...rest } = decodeAudit(key)
        const { reason: _, ...wanted } = line
        expect(rest).toEqual(wanted)
        expect(read === reason || read?.endsWith('…')).toBe(true)
      },
    ),
  )
  const long = {
    at: 1,
    action: 'cancel',
    id: 'é'.repeat(64),
    by: 'é'.repeat(64),
    reason: 'ü'.repeat(500),
  } as const
  expect(encodeAudit(long).length).toBeLessThanOrEqual(AUDIT_BYTES)
  expect(decodeAudit(encodeAudit(long)).reason).toMatch(/^ü+…$/)
})

test('a mass change whose line cannot be left is done, and says so', async () => {
  const { queue, store } = stage()
  const errors: string[] = []
  queue.on('error', (error) => errors.push((error as { code?: string }).code ?? ''))
  await queue.add('n', 1, { delay: 5000 })
  store.moodOf = (changes) => (changes.some(({ append }) => append !== undefined) ? 'failed' : 'well')
  expect(await queue.promoteJobs()).toBe(1)
  expect(errors).toHaveLength(1)
  expect(await queue.getJobCounts()).toMatchObject({ waiting: 1 })
})
