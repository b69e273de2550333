/**
 * Test support: the real planner thread, that tells what it was asked and can be held up.
 */
import { type PlannerHandle, PlannerThread } from '../../src/supergraph/planner-client';

/** `opened`: what it is asked, by generation in order of opening. */
export class WatchedPlanner extends PlannerThread {
  readonly opened: { readonly sdl: string; readonly planned: string[]; closed: boolean }[] = [];
  /** Holds up each opening. */
  gate: Promise<void> = Promise.resolve();

  override async open(sdl: string): Promise<PlannerHandle> {
    await this.gate;
    const handle = await super.open(sdl);
    const seen = { sdl, planned: [] as string[], closed: false };
    this.opened.push(seen);
    return {
      ...handle,
      plan: (document, name) => {
        seen.planned.push(document);
        return handle.plan(document, name);
      },
      close: () => {
        seen.closed = true;
        handle.close();
      },
    };
  }
}
