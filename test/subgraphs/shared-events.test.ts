/**
 * Events by topic: in one process, and between two through a real Redis of our own, which may go away and come back.
 */
import { silentLog } from '../../src/telemetry/log';
import { createLocalEvents, type Events, MAX_WAITING, mapEvents } from '../../subgraphs/shared/events';
import { createRedisEvents } from '../../subgraphs/shared/redis-events';
import { describeWithRedis, startOwnRedis } from '../support/redis';
import { until } from './live-support';

const topic = 'news';

describe('events of one process', () => {
  let events: Events;
  beforeEach(() => {
    events = createLocalEvents();
  });

  it('reach all who listen to their topic, in order, and nobody else', async () => {
    const streams = await Promise.all([events.listen(topic), events.listen(topic), events.listen('other')]);
    await events.publish(topic, 1);
    await events.publish(topic, 2);
    await events.publish('other', 3);
    for (const stream of streams.slice(0, 2)) {
      expect([await stream.next(), await stream.next()]).toEqual([
        { done: false, value: 1 },
        { done: false, value: 2 },
      ]);
    }
    expect(await streams[2]?.next()).toEqual({ done: false, value: 3 });
  });

  it('end at once for who returns while it waits, and are no longer listened to', async () => {
    const stream = await events.listen(topic);
    const waiting = stream.next();
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(events.listeners(topic)).toBe(0);
    await events.publish(topic, 1);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('end for all when they are closed', async () => {
    const waiting = (await events.listen(topic)).next();
    await events.close();
    expect((await waiting).done).toBe(true);
  });

  it('lose the oldest for who does not read, and keep no more than they may', async () => {
    const slow = await events.listen<number>(topic);
    for (let number = 0; number < MAX_WAITING + 10; number += 1) await events.publish(topic, number);
    expect((await slow.next()).value).toBe(10);
    let last: number | undefined;
    for (let read = 1; read < MAX_WAITING; read += 1) last = (await slow.next()).value;
    expect(last).toBe(MAX_WAITING + 9);
  });

  it('that are mapped to nothing are left out, and end at once too', async () => {
    let ends = 0;
    const stream = mapEvents(
      await events.listen<number>(topic),
      (event) => (event % 2 === 0 ? event * 10 : undefined),
      () => {
        ends += 1;
      },
    );
    for (const number of [1, 2, 3]) await events.publish(topic, number);
    expect(await stream.next()).toEqual({ done: false, value: 20 });
    const waiting = stream.next();
    await stream.return();
    await stream.return();
    expect((await waiting).done).toBe(true);
    expect([ends, events.listeners(topic)]).toEqual([1, 0]);
  });
});

describeWithRedis('events through Redis', () => {
  it('reach the listeners of every instance, once, with moments as moments', async () => {
    const redis = await startOwnRedis();
    const [here, there] = [createRedisEvents(redis.url, silentLog), createRedisEvents(redis.url, silentLog)];
    const streams = await Promise.all([here.listen(topic), here.listen(topic), there.listen(topic)]);
    const payload = { at: new Date(5), text: '1970-01-01T00:00:00.005Z', list: [{ at: new Date(6) }], none: null };
    await here.publish(topic, payload);
    await there.publish(topic, 'last');
    for (const stream of streams) {
      expect([(await stream.next()).value, (await stream.next()).value]).toEqual([payload, 'last']);
    }
    await streams[0]?.return();
    await here.publish(topic, 'for the others');
    expect([(await streams[1]?.next())?.value, (await streams[2]?.next())?.value]).toEqual([
      'for the others',
      'for the others',
    ]);
    await Promise.all([here.close(), there.close()]);
    await redis.close();
  });

  it('are heard again when Redis was away, and refuse new listeners while it is', async () => {
    const redis = await startOwnRedis();
    const events = createRedisEvents(redis.url, silentLog);
    const stream = await events.listen(topic);
    await redis.close();
    await expect(events.listen('another')).rejects.toThrow();
    expect(events.listeners('another')).toBe(0);
    await events.publish(topic, 'lost');
    const again = await startOwnRedis(Number(new URL(redis.url).port));
    const heard: unknown[] = [];
    void stream.next().then(({ value }) => heard.push(value));
    await until(async () => {
      await events.publish(topic, 'back');
      return heard.length > 0;
    });
    expect(heard).toEqual(['back']);
    await events.close();
    await again.close();
  });
});
