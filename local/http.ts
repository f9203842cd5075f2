/** Single requests to the parts, which are trusted by the stack's own CA. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';

export interface RequestOptions {
  /** PEM file that the server is trusted by. */
  readonly caFile?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

const REQUEST_MS = 10_000;

/** @throws Error when there is no answer within ten seconds. */
export async function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  const ca = options.caFile === undefined ? {} : { connect: { ca: await readFile(options.caFile, 'utf8') } };
  const agent = new Agent(ca);
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method: options.method ?? 'GET',
      headers: { 'user-agent': 'certman-local', ...options.headers },
      signal: options.signal ?? AbortSignal.timeout(REQUEST_MS),
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    return { status: answer.statusCode, body: await answer.body.text() };
  } finally {
    await agent.destroy();
  }
}
