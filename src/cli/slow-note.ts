import { note } from './output.ts';

/** Later than what is not there is reported. */
const NOTE_AFTER_MS = 4_000;

/** Each is noted once in a command: one that watches waits again and again. */
const noted = new Set<string>();

/** Runs `work`, and says on stderr what is waited for where it takes longer than some seconds. */
export async function withSlowNote<Result>(text: string, work: () => Promise<Result>): Promise<Result> {
  const timer = setTimeout(() => {
    if (!noted.has(text)) note(text);
    noted.add(text);
  }, NOTE_AFTER_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
