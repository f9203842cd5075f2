import { type Attributes, type Context, type Span, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { Context as ActivityContext } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import { subjectOf } from '../temporal-logger.ts';
import type { ActiveActivity } from './active-activity.ts';

/** Its one activity runs for days. */
const UNTRACED_WORKFLOW = 'managementClusterWatch';

/**
 * A span for each attempt of an activity, with the names and attributes of Temporal's interceptors for OpenTelemetry.
 * @param parentOf the span that it belongs to, by the workflow's type and run.
 */
export function createActivitySpans(
  tracer: Tracer,
  active: ActiveActivity,
  parentOf: (workflowType: string | undefined, runId: string | undefined) => Context,
): (context: ActivityContext) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const { workflowExecution, workflowType, activityType } = info;
        if (workflowType === UNTRACED_WORKFLOW) return await next(input);
        const { workflowId, runId } = workflowExecution ?? {};
        const attributes = {
          ...workflowAttributes(workflowId, runId),
          temporalActivityID: info.activityId,
          'temporal.activity.attempt': info.attempt,
        };
        const span = tracer.startSpan(`RunActivity:${activityType}`, { attributes }, parentOf(workflowType, runId));
        try {
          return await active.run(span, () => next(input));
        } catch (error) {
          if (!(error instanceof CancelledFailure)) recordFailure(span, failureType(error));
          else span.setAttribute('error.type', 'cancelled');
          throw error;
        } finally {
          span.end();
        }
      },
    },
  });
}

/** The workflow of a span, and its cluster and bundle. */
export function workflowAttributes(workflowId = '', runId = ''): Attributes {
  const { cluster, bundle } = subjectOf(workflowId);
  return {
    temporalWorkflowID: workflowId,
    temporalRunID: runId,
    ...(cluster === undefined ? {} : { 'certman.cluster': cluster }),
    ...(bundle === undefined ? {} : { 'certman.bundle': bundle }),
  };
}

/** Only the code: messages are in the workflow's history, which may be encrypted. */
export function recordFailure(span: Span, code: string): void {
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
}

function failureType(error: unknown): string {
  return (error instanceof ApplicationFailure ? error.type : undefined) ?? 'internal/unexpected';
}
