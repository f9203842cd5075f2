/** A process that fills its heap, frees most of it and then rests, as a worker after an adoption. */
import { setTimeout as sleep } from 'node:timers/promises';
import { collectWhenIdle } from '../../../src/worker/collect-when-idle.ts';
import { TEST_TIMEOUT_MS } from '../vitest/timeouts.ts';

const TEXTS = 400_000;
const KEPT = 20_000;

collectWhenIdle();
const texts = Array.from({ length: TEXTS }, (_, index) => `text ${index}`);
const kept = texts.slice(0, KEPT);
texts.length = 0;
await sleep(TEST_TIMEOUT_MS);
process.stdout.write(`${kept.length}\n`);
