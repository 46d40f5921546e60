%% The loads of the supervision benchmark in Erlang: one module that is the supervisor, its children and the driver.
%% Reports are switched off, as nothing is printed on the other side either.
-module(loads).
-export([main/0, init/1, handle_call/3, handle_cast/2, handle_info/2, start_child/1, start_child/2]).

-define(ROUNDS, 3).
-define(LAPS, 1000).
-define(RESTARTS, 5000).
%% Fewer than on the other side, where they take a fraction of the time.
-define(ASKS, 20000).
-define(MESSAGES, 200000).
-define(AT_ONCE, 1000).

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    ets:new(meter, [named_table, public]),
    io:format("release ~s~n", [erlang:system_info(otp_release)]),
    Rounds = [round() || _ <- lists:seq(1, ?ROUNDS)],
    [show(Name, lists:nth(?ROUNDS div 2 + 1, lists:sort([proplists:get_value(Name, R) || R <- Rounds])))
     || {Name, _} <- hd(Rounds)],
    halt(0).

show(Name, Value) -> io:format("figure ~s ~.3f~n", [Name, float(Value)]).

round() ->
    {P50, P99} = laps(),
    Restarts = restarts(),
    Starts = lists:append([start_stop(N) || N <- [1000, 10000, 100000]]),
    [{lap_fresh_p50, P50}, {lap_fresh_p99, P99}, {restarts_fresh, Restarts}]
        ++ Starts ++ messages(here, 1) ++ messages(across, 2).

%% Callbacks of both behaviours: the argument says which.
init({supervisor, Flags, Specs}) -> {ok, {Flags, Specs}};
init({idle, State}) -> {ok, State};
init({phoenix, Driver, InARow}) ->
    case ets:take(meter, crashed_at) of
        [{_, At}] -> Driver ! {lap, erlang:monotonic_time(nanosecond) - At};
        [] -> ok
    end,
    case InARow andalso ets:update_counter(meter, left, -1) >= 0 of
        true -> self() ! crash;
        false -> Driver ! {up, self()}
    end,
    {ok, InARow}.

handle_call(_, _, State) -> {reply, 1, State}.
handle_cast(_, State) -> {noreply, State}.
handle_info(crash, false) ->
    ets:insert(meter, {crashed_at, erlang:monotonic_time(nanosecond)}),
    exit(crash);
handle_info(crash, true) -> exit(crash).

start_child(Arg) -> gen_server:start_link(?MODULE, Arg, []).
start_child(Arg, Options) -> gen_server:start_link(?MODULE, Arg, [{spawn_opt, Options}]).

supervisor(Strategy, Specs) ->
    Flags = #{strategy => Strategy, intensity => 1000000000, period => 1},
    {ok, Pid} = supervisor:start_link(?MODULE, {supervisor, Flags, Specs}),
    Pid.

stop(Pid) ->
    Ref = monitor(process, Pid),
    exit(Pid, shutdown),
    receive {'DOWN', Ref, process, Pid, _} -> ok end,
    receive {'EXIT', Pid, _} -> ok end.

spec(Arg) -> #{id => child, start => {?MODULE, start_child, [Arg]}}.

seconds(Begin) -> (erlang:monotonic_time(nanosecond) - Begin) / 1.0e9.
now_ns() -> erlang:monotonic_time(nanosecond).

laps() ->
    Pid = supervisor(one_for_one, [spec({phoenix, self(), false})]),
    Laps = lists:sort(laps(?LAPS, [])),
    receive {up, _} -> ok end,
    stop(Pid),
    {lists:nth(length(Laps) div 2, Laps) / 1000, lists:nth(length(Laps) * 99 div 100, Laps) / 1000}.

laps(0, Laps) -> Laps;
laps(N, Laps) ->
    Child = receive {up, Up} -> Up end,
    timer:sleep(1),
    Child ! crash,
    receive {lap, Lap} -> laps(N - 1, [Lap | Laps]) end.

restarts() ->
    ets:insert(meter, {left, ?RESTARTS}),
    Begin = now_ns(),
    Pid = supervisor(one_for_one, [spec({phoenix, self(), true})]),
    receive {up, _} -> ok end,
    Rate = ?RESTARTS / seconds(Begin),
    stop(Pid),
    Rate.

start_stop(Count) ->
    Pid = supervisor(simple_one_for_one, [spec({idle, list_to_tuple(lists:seq(1, 7))})]),
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Begin = now_ns(),
    [{ok, _} = supervisor:start_child(Pid, []) || _ <- lists:seq(1, Count)],
    Started = Count / seconds(Begin),
    erlang:garbage_collect(),
    Memory = (erlang:memory(total) - Before) / Count,
    Stopping = now_ns(),
    stop(Pid),
    Stopped = Count / seconds(Stopping),
    Name = fun(What) -> list_to_atom(What ++ "_" ++ integer_to_list(Count)) end,
    [{Name("start"), Started}, {Name("stop"), Stopped}] ++ [{memory, Memory} || Count =:= 100000].

%% The driver on one scheduler, the child on the same or on another one.
messages(Place, Scheduler) ->
    Main = self(),
    spawn_opt(fun() ->
        process_flag(trap_exit, true),
        Spec = #{id => child, start => {?MODULE, start_child, [{idle, {}}, [{scheduler, Scheduler}]]}},
        Pid = supervisor(one_for_one, [Spec]),
        [{_, Child, _, _}] = supervisor:which_children(Pid),
        Tell = best(?MESSAGES, fun() -> tell(Child, ?MESSAGES div ?AT_ONCE) end),
        Ask = best(?ASKS, fun() -> ask(Child, ?ASKS) end),
        Many = best(?MESSAGES, fun() -> ask_64(Child) end),
        stop(Pid),
        Main ! {measured, Tell, Ask, Many}
    end, [{scheduler, 1}]),
    receive {measured, Tell, Ask, Many} -> ok end,
    case Place of
        here -> [{tell_here, Tell}, {ask_here, Ask}];
        across -> [{tell_across, Tell}, {ask_across, Ask}, {ask_64, Many}]
    end.

best(Count, Load) -> lists:max([rate(Count, Load) || _ <- lists:seq(1, ?ROUNDS)]).

rate(Count, Load) ->
    Begin = now_ns(),
    Load(),
    Count / seconds(Begin).

tell(_, 0) -> ok;
tell(Child, N) ->
    [gen_server:cast(Child, tell) || _ <- lists:seq(2, ?AT_ONCE)],
    gen_server:call(Child, ask),
    tell(Child, N - 1).

ask(_, 0) -> ok;
ask(Child, N) ->
    gen_server:call(Child, ask),
    ask(Child, N - 1).

ask_64(Child) ->
    Self = self(),
    [spawn_opt(fun() -> ask(Child, ?MESSAGES div 64), Self ! done end, [{scheduler, 1}]) || _ <- lists:seq(1, 64)],
    [receive done -> ok end || _ <- lists:seq(1, 64)].
