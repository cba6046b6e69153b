/**
 * Two programs that share a queue by Redis, as they would on two machines: this one adds jobs, and starts itself once more as
 * the other, which works. Give it the URL of a server: `npx tsx examples/many-machines.ts redis://localhost:6379`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { Queue, Worker } from 'holdfast'
import { redisStore } from 'holdfast/redis'

type Jobs = { resize: { data: { photo: string }; result: string } }

const [url = 'redis://localhost:6379', role = 'producer', namespace = `photos-${process.pid}`] =
  process.argv.slice(2)
const client = new Redis(url)
// All that changes when one machine is no longer enough. That jobs may be lost when the server ends is said on purpose.
const store = redisStore(client, { namespace, durability: 'memory' })

if (role === 'worker') await work()
else await produce()
await store.close()
client.disconnect()

async function produce(): Promise<void> {
  const photos = new Queue<Jobs>('photos', { store })
  const other = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), url, 'worker', namespace],
    { stdio: 'inherit' },
  )
  const ended = once(other, 'close')
  for (const photo of ['cat.jpg', 'dog.jpg', 'fox.jpg']) await photos.add('resize', { photo })
  while ((await photos.getCompletedCount()) < 3) await sleep(20)
  const results = (await photos.getCompleted()).map(({ returnvalue }) => returnvalue)
  console.log(`the producer sees: ${results.toSorted((a, b) => (a! < b! ? -1 : 1)).join(', ')}`)
  other.kill('SIGTERM')
  await ended
  await photos.obliterate()
}

async function work(): Promise<void> {
  const worker = new Worker<Jobs>('photos', async (job) => `small ${job.data.photo}`, {
    store,
    concurrency: 2,
  })
  worker.on('completed', (_, result) => console.log(`the worker made: ${result}`))
  await once(process, 'SIGTERM')
  await worker.close()
}
