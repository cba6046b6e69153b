import { fileURLToPath } from 'node:url'
import { defineConfig } from 'tsdown'

/** Benchmarks run what is shipped, not what a loader makes of the sources while they run. */
export default defineConfig({
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  entry: {
    main: 'bench/main.ts',
    scale: 'bench/scale.ts',
    mass: 'bench/mass.ts',
    find: 'bench/find.ts',
    flow: 'bench/flow.ts',
    peers: 'bench/peers/main.ts',
    redis: 'bench/redis/main.ts',
    'redis-run': 'bench/redis/run.ts',
  },
  outDir: 'dist-bench',
  format: 'esm',
  platform: 'node',
  target: 'es2023',
  dts: false,
  fixedExtension: false,
  deps: { neverBundle: ['classic-level', 'ioredis'] },
  logLevel: 'error',
})
