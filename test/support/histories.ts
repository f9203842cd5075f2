/** The recorded histories, one file per run of a workflow, in the JSON that Temporal's own tools write and read. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type History, historyFromJson } from './history-json.ts';

export const HISTORIES = fileURLToPath(new URL('../histories/', import.meta.url));

export interface RecordedHistory {
  /** Of the file, without its ending. */
  readonly name: string;
  readonly workflowId: string;
  readonly history: History;
}

export async function recordedHistories(): Promise<readonly RecordedHistory[]> {
  const files = (await readdir(HISTORIES)).filter((file) => file.endsWith('.json')).sort();
  return await Promise.all(
    files.map(async (file) => {
      const history = historyFromJson(JSON.parse(await readFile(join(HISTORIES, file), 'utf8')));
      const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
      return { name: basename(file, '.json'), workflowId: started?.workflowId ?? '', history };
    }),
  );
}
