import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api';

/** More than an activity sends, unless it is a poll of days. */
const MAX_REQUESTS = 500;

interface Active {
  readonly span: Span;
  readonly context: Context;
  requests: number;
}

/** The span of the activity that runs, wherever its asynchronous calls lead. */
export class ActiveActivity {
  readonly #storage = new AsyncLocalStorage<Active | undefined>();

  run<Result>(span: Span, task: () => Result): Result {
    const context = trace.setSpan(ROOT_CONTEXT, span);
    return this.#storage.run({ span, context, requests: 0 }, task);
  }

  /** Runs `task` outside of any activity. */
  leave(task: () => void): void {
    this.#storage.run(undefined, task);
  }

  /**
   * The parent of a request that is sent now. Undefined outside of activities, where nothing is sampled, after the activity's
   * end (what it started for others, such as the refresh of a cache, outlives it), and after the first hundreds.
   */
  requestParent(): Context | undefined {
    const active = this.#storage.getStore();
    if (active === undefined || !active.span.isRecording() || active.requests >= MAX_REQUESTS) return undefined;
    active.requests += 1;
    return active.context;
  }
}
