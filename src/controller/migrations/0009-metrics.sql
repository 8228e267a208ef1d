-- Metrics. A row holds what one resource measured over one stretch of time: points one after the other, each with all series of the
-- layout. Rows are only added; what is old goes by emptying a whole partition when its place in the ring comes round again, so the size is
-- bounded by the number of partitions and nothing is ever deleted row by row.
create table metric_layout (
  id integer generated always as identity primary key,
  -- SHA-256 of the series.
  hash bytea not null unique,
  -- Such as cpu_percent, disk_read_bytes_per_s/vda.
  series text[] not null
);

create table metric_block (
  -- 0 to 7: points of seconds, an hour each; 10 to 19: points of 5 minutes, a day each; 20 to 33: points of an hour, 32 days each.
  slot smallint not null,
  resource_id uuid not null,
  -- Of the first point.
  at timestamptz not null,
  step_s integer not null,
  layout_id integer not null,
  -- 32-bit floats, little endian; NaN where nothing was measured. Peaks only where points were put together.
  mean bytea not null,
  peak bytea,
  -- Of points of seconds: the counters behind the rates as they stood at the end, 64-bit floats, for exact rates outside.
  counters bytea,
  primary key (slot, resource_id, at)
) partition by list (slot);

do $$ begin
  for n in 0..33 loop
    if n not in (8, 9) then
      execute format('create table metric_block_%s partition of metric_block for values in (%s)', n, n);
      -- Packed floats hardly shrink, and trying costs more than the rest of the insert.
      execute format('alter table metric_block_%s alter mean set storage external, alter peak set storage external', n);
    end if;
  end loop;
end $$;

-- Which period each slot holds; a slot of an older one is emptied before it is written.
create table metric_slot (
  slot smallint primary key,
  period bigint not null
);

-- Up to when points were put together, by the distance of the new ones, and for the period after that up to which resource.
-- Who works on it locks the row.
create table metric_rollup (
  step_s integer primary key,
  done_at timestamptz not null,
  after uuid
);
