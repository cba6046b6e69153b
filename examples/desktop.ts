/** A desktop program: its jobs lie beside its settings, only one copy of it runs, and whatever ends it loses nothing. */
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError, Queue, Worker } from 'holdfast'
import { levelStore } from 'holdfast/level'

type Jobs = { thumbnail: { data: { photo: string } } }

const store = levelStore(process.argv[2] ?? './data/desktop')
try {
  await store.ready()
} catch (error) {
  if (!(error instanceof HoldfastError) || error.code !== 'STORE_LOCKED') throw error
  console.error(`It is running already. ${error.message}`)
  process.exit(1)
}

const photos = new Queue<Jobs>('photos', { store })
const worker = new Worker<Jobs>(
  'photos',
  {
    async thumbnail(job, { signal }) {
      // A handler that heeds its signal makes for a quick exit; the job runs again at the next start.
      await sleep(job.data.photo === 'panorama.tiff' ? 60_000 : 10, undefined, { signal })
      console.log(`thumbnail of ${job.data.photo}`)
    },
  },
  { store, concurrency: 2 },
)
worker.on('error', (error) => console.error(error.message))

// The same photos at every start: a job that exists is not added again.
for (const photo of ['panorama.tiff', 'cat.jpg', 'dog.jpg'])
  await photos.add('thumbnail', { photo }, { jobId: photo })

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void quit())
console.log('started')

async function quit(): Promise<void> {
  await worker.close({ timeout: 200 })
  console.log(`goodbye, ${await photos.count()} left for the next start`)
  await photos.close()
  await store.close()
}
