//! What every real runtime has to do, over loopback sockets: the traits' contract, dialing, and a whole server.
//!
//! Both runtime crates include this folder and name their [`Flavour`] in [`on!`].

mod contract;
mod dialing;
mod faulty;
mod serving;
mod stand;

pub(crate) use {contract::*, dialing::*, serving::*};

/// A test for each behaviour, on one runtime.
#[macro_export]
macro_rules! on {
    ($flavour:ty) => {
        on! { $flavour:
            bytes_are_read_when_they_are_there,
            an_end_that_came_with_bytes_is_reported,
            an_end_that_came_later_is_reported,
            a_full_window_blocks_and_opens_again,
            an_ended_writing_half_leaves_reading,
            a_reset_is_seen_as_one,
            connections_are_made_and_refused,
            names_are_looked_up,
            a_port_is_shared_only_on_request,
            a_timer_is_never_early_and_can_be_set_again,
            work_that_blocks_runs_aside,
            seeds_differ_and_clocks_agree,
            every_address_of_a_name_is_tried,
            a_refusal_says_who_refused,
            a_name_without_address_is_told_apart,
            a_silent_peer_runs_into_the_deadline,
            tls_is_spoken_and_a_wrong_name_refused,
            requests_pass_one_after_another,
            several_workers_serve_one_port,
            large_bodies_pass_both_ways,
            another_key_serves_when_one_is_dead,
            a_client_that_leaves_cancels_its_request,
            a_cut_answer_is_seen_to_be_cut,
            idle_connections_that_died_serve_nobody,
            an_early_answer_survives_the_reset_behind_it,
            a_reset_that_a_write_was_told_of_cuts_what_is_read,
            what_arrived_while_the_process_was_stopped_was_in_time,
            tls_to_the_provider,
            a_certificate_that_is_not_trusted_is_an_error,
            draining_ends_idle_clients_at_once_and_lets_answers_finish,
            a_second_signal_ends_now_and_visibly,
            draining_has_an_end,
            connections_beyond_the_limit_are_refused,
            a_reload_takes_a_good_configuration_and_no_bad_one,
            a_request_that_waits_for_a_permit_is_woken,
            a_panic_ends_one_session,
            a_start_that_cannot_be_is_refused_in_words,
        }
    };
    ($flavour:ty: $($behaviour:ident,)+) => {
        $(#[test] fn $behaviour() { suite::$behaviour::<$flavour>(); })+
    };
}
